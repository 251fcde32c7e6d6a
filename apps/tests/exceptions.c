/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of this program's main thread, handled by other threads of it, through the generated server side of
 * interfaces/exception.defs: what is repaired, skipped, refused, given up; by whom, and in which form.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/bad.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/thread.h>
#include <wharf/thread_state.h>

enum { RIGHTS = EXCEPTION_PORTS_FLAVOUR_RIGHTS, STATE = EXCEPTION_PORTS_FLAVOUR_STATE };
enum { HANDLER = EXCEPTION_PORTS_SLOT_HANDLER, DEBUGGER = EXCEPTION_PORTS_SLOT_DEBUGGER };
enum { PAGE = 4096, BUFFER = EXCEPTION_REQUEST_MAX };

/* What a handler does about an exception. */
enum deed { REPAIR, SKIP, REFUSE, FAULT_ITSELF, END, ESCAPE };

struct handler {
    mach_port_name_t port;
    _Atomic enum deed deed;
    _Atomic unsigned asked;
    uint32_t kind; /* of the last one */
    uint64_t address;
    struct thread thread;
    _Alignas(8) uint8_t in[BUFFER], out[BUFFER];
};
static struct handler handlers[3];
static char *page;                 /* of which reading is an exception, until it is repaired */
static char *handlers_page;        /* the same for handlers */
static mach_port_name_t self_task; /* this task */

/* ---- handlers ---- */

static void protect(char *address, uint32_t protection)
{
    CHECK_EQUAL(kernel_vm_protect(address, PAGE, protection), KERN_SUCCESS);
}

static kern_return_t skip(mach_port_name_t thread)
{
    union {
        uint64_t word[THREAD_STATE_MAX / 8];
        struct thread_state_general general;
    } state;
    uint32_t count;
    kern_return_t kr = thread_get_state(thread, THREAD_STATE_GENERAL, state.word, &count);
    if (kr != KERN_SUCCESS)
        return kr;
    state.general.pc += 4;
    return thread_set_state(thread, THREAD_STATE_GENERAL, state.word, count);
}

/* What is in the register that a load would have changed, had it been executed: 0. */
static uint64_t load_stepped_over(const char *address)
{
    uint64_t value = 0;
    __asm__ volatile("ldrb %w0, [%1]" : "+r"(value) : "r"(address) : "memory");
    return value;
}

static kern_return_t act(struct handler *handler, mach_port_name_t thread)
{
    switch (atomic_load(&handler->deed)) {
    case REPAIR: protect(page, VM_PROT_READ | VM_PROT_WRITE); return KERN_SUCCESS;
    case SKIP: return skip(thread);
    case FAULT_ITSELF:
        CHECK_EQUAL(load_stepped_over(handlers_page), 0);
        protect(page, VM_PROT_READ | VM_PROT_WRITE);
        return KERN_SUCCESS;
    case END: sys_thread_exit(0);
    default: return KERN_FAILURE;
    }
}

static void note(struct handler *handler, uint32_t kind, uint64_t address)
{
    handler->kind = kind;
    handler->address = address;
    atomic_fetch_add(&handler->asked, 1);
}

/* On success the rights are ours. */
static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    struct handler *handler = message->context;
    (void)number, (void)code;
    note(handler, kind, address);
    kern_return_t kr = act(handler, thread);
    if (kr == KERN_SUCCESS) {
        CHECK_EQUAL(port_deallocate(self_task, thread), KERN_SUCCESS);
        if (task != MSG_NULL)
            CHECK_EQUAL(port_deallocate(self_task, task), KERN_SUCCESS);
    }
    return kr;
}

/* Where a thread without a stack goes on. */
static _Atomic uint32_t escaped;

[[gnu::noreturn]] static void escape(void)
{
    atomic_store(&escaped, 1);
    (void)sys_futex_wake(&escaped, 1);
    sys_thread_exit(0);
}

static kern_return_t raise_state(struct server_message *message, uint32_t kind, uint32_t number,
                                 uint64_t code, uint64_t address,
                                 const struct thread_state_general *state,
                                 struct thread_state_general *new_state)
{
    static _Alignas(16) char rescue_stack[1024];
    struct handler *handler = message->context;
    (void)number, (void)code;
    note(handler, kind, address);
    *new_state = *state;
    new_state->pc += 4;
    if (atomic_load(&handler->deed) == ESCAPE) {
        new_state->pc = (uintptr_t)escape;
        new_state->sp = (uintptr_t)(rescue_stack + sizeof(rescue_stack));
    }
    return atomic_load(&handler->deed) == REFUSE ? KERN_FAILURE : KERN_SUCCESS;
}

static void serve(void *argument)
{
    static const struct exception_ops ops = {.raise = raise, .raise_state = raise_state};
    struct handler *handler = argument;
    struct server_interface interface = exception_interface(&ops, handler);
    struct server server = {.port = handler->port,
                            .count = 1,
                            .interfaces = &interface,
                            .in = handler->in,
                            .in_size = sizeof(handler->in),
                            .out = handler->out,
                            .out_size = sizeof(handler->out)};
    print("exceptions: server ended: %u\n", (unsigned)server_run(&server));
}

static void start_handler(struct handler *handler)
{
    mach_port_name_t name;
    CHECK_EQUAL(port_allocate(self_task, PORT_RIGHT_RECEIVE, &handler->port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self_task, handler->port, handler->port, &name),
                KERN_SUCCESS);
    CHECK_EQUAL(thread_start(&handler->thread, serve, handler, THREAD_PRIORITY_DEFAULT),
                KERN_SUCCESS);
}

static void set(mach_port_name_t place, unsigned slot, unsigned flavour,
                const struct handler *handler)
{
    CHECK_EQUAL(exception_ports_set(place, slot, flavour, EXCEPTION_ALL, handler->port),
                KERN_SUCCESS);
}

static void expect(struct handler *handler, unsigned asked, uint32_t kind)
{
    CHECK_EQUAL(atomic_exchange(&handler->asked, 0), asked);
    CHECK_EQUAL(handler->kind, kind);
}

/* ---- what the main thread does ---- */

static void touch(void)
{
    protect(page, 0);
    *(volatile char *)page = 7;
    CHECK_EQUAL(*(volatile char *)page, 7);
}

static void test_repair(mach_port_name_t self)
{
    set(self, HANDLER, RIGHTS, &handlers[0]);
    atomic_store(&handlers[0].deed, REPAIR);
    touch();
    expect(&handlers[0], 1, EXCEPTION_KIND_WRITE);
    CHECK_EQUAL(handlers[0].address, (uintptr_t)page);
}

static void test_skip(mach_port_name_t self)
{
    atomic_store(&handlers[0].deed, SKIP);
    bad_undefined();
    expect(&handlers[0], 1, EXCEPTION_KIND_BAD_INSTRUCTION);
    bad_breakpoint();
    expect(&handlers[0], 1, EXCEPTION_KIND_BREAKPOINT);
    set(self, HANDLER, STATE, &handlers[0]);
    bad_privileged();
    expect(&handlers[0], 1, EXCEPTION_KIND_BAD_INSTRUCTION);
    for (unsigned i = 0; i < 1000; i++)
        bad_breakpoint();
    expect(&handlers[0], 1000, EXCEPTION_KIND_BREAKPOINT);
}

/* Debugger, thread, task, host: each refuses but the last. */
static void test_order(mach_port_name_t self)
{
    set(self_task, DEBUGGER, STATE, &handlers[0]);
    set(self, HANDLER, RIGHTS, &handlers[0]);
    set(self_task, HANDLER, STATE, &handlers[1]);
    set(program_start_info->host_tasks, HANDLER, RIGHTS, &handlers[2]);
    atomic_store(&handlers[0].deed, REFUSE);
    atomic_store(&handlers[1].deed, REFUSE);
    atomic_store(&handlers[2].deed, REPAIR);
    touch();
    expect(&handlers[0], 2, EXCEPTION_KIND_WRITE);
    expect(&handlers[1], 1, EXCEPTION_KIND_WRITE);
    expect(&handlers[2], 1, EXCEPTION_KIND_WRITE);
}

static void test_registration(mach_port_name_t self)
{
    uint32_t flavour, mask;
    mach_port_name_t port;
    CHECK_EQUAL(exception_ports_set(self, DEBUGGER, RIGHTS, 0, MSG_NULL), KERN_INVALID_VALUE);
    CHECK_EQUAL(exception_ports_set(self, HANDLER, 3, 0, MSG_NULL), KERN_INVALID_VALUE);
    CHECK_EQUAL(exception_ports_set(self, HANDLER, RIGHTS, 1, handlers[0].port),
                KERN_INVALID_VALUE);
    CHECK_EQUAL(exception_ports_set(self, HANDLER, RIGHTS, EXCEPTION_ALL, self_task),
                KERN_INVALID_CAPABILITY);
    CHECK_EQUAL(exception_ports_swap(self_task, DEBUGGER, RIGHTS, 0, MSG_NULL, &flavour, &mask,
                                     &port),
                KERN_SUCCESS);
    CHECK(flavour == STATE && mask == EXCEPTION_ALL && port == handlers[0].port);
    CHECK_EQUAL(exception_ports_get(self_task, DEBUGGER, &flavour, &mask, &port), KERN_SUCCESS);
    CHECK(mask == 0 && port == MSG_NULL);
    CHECK_EQUAL(port_deallocate(self_task, handlers[0].port), KERN_SUCCESS); /* of swap */
}

/* A handler that raises an exception itself: its own thread's handler sees to that. */
static void test_nested(mach_port_name_t self)
{
    set(self, HANDLER, RIGHTS, &handlers[0]);
    atomic_store(&handlers[0].deed, FAULT_ITSELF);
    protect(handlers_page, 0);
    /* The task's handler is asked about the handler's exception, and steps over the access. */
    set(self_task, HANDLER, STATE, &handlers[1]);
    atomic_store(&handlers[1].deed, SKIP);
    touch();
    expect(&handlers[0], 1, EXCEPTION_KIND_WRITE);
    expect(&handlers[1], 1, EXCEPTION_KIND_READ);
}

/* Its reply is lost with the handler's thread: the next is asked. */
static void test_end(mach_port_name_t self)
{
    set(self, HANDLER, RIGHTS, &handlers[0]);
    set(self_task, HANDLER, RIGHTS, &handlers[1]);
    atomic_store(&handlers[0].deed, END);
    atomic_store(&handlers[1].deed, REPAIR);
    touch();
    expect(&handlers[0], 1, EXCEPTION_KIND_WRITE);
    expect(&handlers[1], 1, EXCEPTION_KIND_WRITE);
    CHECK_EQUAL(exception_ports_set(self, HANDLER, RIGHTS, 0, MSG_NULL), KERN_SUCCESS);
}

/* ---- a thread that runs out of its stack: nobody writes there, and it goes on elsewhere ---- */

static unsigned deeper(unsigned n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    return n == 0 ? 0 : deeper(n - 1) + (unsigned)frame[0];
}

static void overflow(void)
{
    (void)deeper(1000000);
    print("exceptions: the stack has no end, FAILED\n");
    sys_thread_exit(0);
}

static void test_stack_overflow(void)
{
    static char *stack;
    int64_t id;
    void *memory;
    CHECK_EQUAL(kernel_vm_allocate((size_t)4 * PAGE, &memory), KERN_SUCCESS);
    stack = memory;
    protect(stack, 0);
    set(self_task, HANDLER, STATE, &handlers[1]);
    atomic_store(&handlers[1].deed, ESCAPE);
    CHECK_EQUAL(kernel_thread_create(overflow, stack + (size_t)4 * PAGE, NULL, NULL,
                                     THREAD_PRIORITY_DEFAULT, &id),
                KERN_SUCCESS);
    while (atomic_load(&escaped) == 0)
        (void)sys_futex_wait(&escaped, 0, UINT64_MAX);
    expect(&handlers[1], 1, EXCEPTION_KIND_WRITE);
    CHECK(handlers[1].address - (uintptr_t)stack < PAGE);
}

int main(void)
{
    mach_port_name_t self = program_start_info->thread;
    void *memory;
    self_task = program_start_info->task;
    CHECK_EQUAL(kernel_vm_allocate(PAGE, &memory), KERN_SUCCESS);
    page = memory;
    CHECK_EQUAL(kernel_vm_allocate(PAGE, &memory), KERN_SUCCESS);
    handlers_page = memory;
    for (unsigned i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        start_handler(&handlers[i]);
    test_repair(self);
    test_skip(self);
    test_order(self);
    test_registration(self);
    test_nested(self);
    test_end(self);
    test_stack_overflow();
    CHECK_EQUAL(exception_ports_set(program_start_info->host_tasks, HANDLER, RIGHTS, 0, MSG_NULL),
                KERN_SUCCESS); /* nobody else's would end with us */
    return check_end("exceptions");
}
