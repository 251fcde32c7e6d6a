/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ranges allow, seen by who touches them: pages that become code, and stacks that end.
 */
#include "vm-ranges.h"

#include <libsys/kernel.h>
#include <libsys/server.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>
#include <wharf/thread_state.h>

/* ---- code ---- */

enum { CODE_BYTES = 32, CODE_ROUNDS = 30 };
typedef int code_t(void);

[[gnu::noinline, gnu::aligned(16)]] static int answer_one(void)
{
    return 0x1111;
}

[[gnu::noinline, gnu::aligned(16)]] static int answer_two(void)
{
    return 0x2222;
}

/* Written while it may not run, run when it has been written; the instruction caches must have noticed each time. */
void ranges_test_code(void)
{
    uint64_t *page = pages_make(2);
    code_t *code = (code_t *)(uintptr_t)page;
    for (unsigned i = 0; i < CODE_ROUNDS; i++) {
        bool odd = i % 2;
        memcpy(page, (const void *)(uintptr_t)(odd ? answer_one : answer_two), CODE_BYTES);
        OK(vm_protect(me(), (uintptr_t)page, PAGE, false, READ_EXECUTE));
        CHECK_EQUAL(code(), odd ? 0x1111 : 0x2222);
        FAILS(vm_write(me(), (uintptr_t)page, (uint8_t *)&i, 4), KERN_PROTECTION_FAILURE);
        OK(vm_protect(me(), (uintptr_t)page, PAGE, false, READ_WRITE));
    }
    pages_drop(page, 2);
}

/* Memory that is mapped twice, to be written and to be run, as a compiler of code that runs at once has it; and the same for another
 * task, whose memory is seen by its entry. What has been made to agree is what is executed. */
void ranges_test_alias(void)
{
    uint64_t *page = pages_make(1), at = 0;
    mach_port_name_t entry = MSG_NULL, task, name;
    OK(vm_make_entry(me(), (uintptr_t)page, PAGE, READ_WRITE | VM_PROT_EXECUTE, &entry));
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, entry, READ_EXECUTE, READ_EXECUTE, VM_INHERIT_NONE,
              &at));
    code_t *code = (code_t *)(uintptr_t)at;
    for (unsigned i = 0; i < CODE_ROUNDS; i++) {
        bool odd = i % 2;
        memcpy(page, (const void *)(uintptr_t)(odd ? answer_one : answer_two), CODE_BYTES);
        OK(vm_maintain(me(), at + 4, CODE_BYTES, VM_MAINTENANCE_CODE));
        CHECK_EQUAL(code(), odd ? 0x1111 : 0x2222);
    }
    OK(task_create(me(), 0, "other", NULL, 0, MSG_NULL, &task, &name));
    uint64_t there = 0;
    OK(vm_map(task, 0, PAGE, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, VM_INHERIT_NONE,
              &there));
    OK(vm_write_from(task, there, CODE_BYTES, (uintptr_t)answer_one));
    OK(vm_maintain(task, there, CODE_BYTES, VM_MAINTENANCE_CODE));
    CHECK_EQUAL(code(), 0x1111);
    for (unsigned how = VM_MAINTENANCE_CLEAN; how <= VM_MAINTENANCE_CLEAN_INVALIDATE; how++) {
        page[PAGE_WORDS - 1] = how;
        OK(vm_maintain(task, there, PAGE, how));
        CHECK_EQUAL(page[PAGE_WORDS - 1], how);
    }
    OK(task_terminate(task, 0));
    OK(port_deallocate(me(), task));
    OK(port_deallocate(me(), entry));
    OK(vm_deallocate(me(), at, PAGE));
    pages_drop(page, 1);
}

/* ---- guards ---- */

/* The one who hears of exceptions: it notes them, and the thread goes on elsewhere, to end. */
static struct listener {
    mach_port_name_t port;
    struct thread thread;
    _Atomic uint32_t asked;
    uint32_t kind;
    uint64_t address;
    _Alignas(8) uint8_t in[EXCEPTION_REQUEST_MAX], out[EXCEPTION_REPLY_MAX];
} listener;

static _Atomic uint32_t rescued;
static _Alignas(16) char rescue_stack[2048];

[[gnu::noreturn]] static void go_on(void)
{
    word_set(&rescued, 1);
    sys_thread_exit(0);
}

static kern_return_t raise_state(struct server_message *message, uint32_t kind, uint32_t number,
                                 uint64_t code, uint64_t address,
                                 const struct thread_state_general *state,
                                 struct thread_state_general *new_state)
{
    (void)message, (void)number, (void)code;
    listener.kind = kind;
    listener.address = address;
    atomic_fetch_add(&listener.asked, 1);
    *new_state = *state;
    new_state->pc = (uintptr_t)go_on;
    new_state->sp = (uintptr_t)(rescue_stack + sizeof(rescue_stack));
    return KERN_SUCCESS;
}

static void listen(void *unused)
{
    static const struct exception_ops ops = {.raise_state = raise_state};
    struct server_interface interface = exception_interface(&ops, NULL);
    struct server server = {.port = listener.port,
                            .count = 1,
                            .interfaces = &interface,
                            .in = listener.in,
                            .in_size = sizeof(listener.in),
                            .out = listener.out,
                            .out_size = sizeof(listener.out)};
    (void)unused;
    (void)server_run(&server);
}

static volatile int never = -1;

[[gnu::noinline]] static int deeper(int depth)
{
    volatile char frame[512];
    if (depth == never)
        return 0;
    frame[0] = (char)depth;
    return deeper(depth + 1) + frame[0];
}

/* Its stack, and below that a page that it may not touch. */
static void overflow(void *argument)
{
    (void)argument;
    (void)deeper(1);
}

static void overflow_one(void)
{
    static struct thread thread;
    atomic_store(&rescued, 0);
    atomic_store(&listener.asked, 0);
    OK(thread_start(&thread, overflow, NULL, THREAD_PRIORITY_DEFAULT));
    word_wait_while(&rescued, 0);
    CHECK_EQUAL(atomic_load(&listener.asked), 1);
    CHECK_EQUAL(listener.kind, EXCEPTION_KIND_WRITE);
    uint64_t guard = (uintptr_t)thread.memory;
    CHECK(listener.address >= guard && listener.address < guard + PAGE);
    /* its end has not been announced */
    atomic_store(&thread.alive, 0);
    pause_for(3000);
    thread_join(&thread);
}

void ranges_test_guard(void)
{
    mach_port_name_t name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &listener.port));
    OK(port_insert_made_send(me(), listener.port, listener.port, &name));
    OK(thread_start(&listener.thread, listen, NULL, THREAD_PRIORITY_DEFAULT));
    OK(exception_ports_set(me(), EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE,
                           EXCEPTION_ALL, listener.port));
    for (unsigned i = 0; i < 3; i++)
        overflow_one();
    OK(exception_ports_set(me(), EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE,
                           EXCEPTION_ALL, MSG_NULL));
    OK(port_mod_refs(me(), listener.port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), name));
    thread_join(&listener.thread);
}
