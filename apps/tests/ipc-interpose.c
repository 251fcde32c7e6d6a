/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task whose port for itself is another's: the creator hears of every call that the task and its children make of
 * themselves and of each other, passes it on to the true port, and can refuse it. They do not notice.
 */
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>
#include <wharf/info.h>

enum { PAGE = 4096, TASKS_MAX = 4, IDS = 0x1200, ROUNDS = 7, HELLO = 0x7001 };
static const uint64_t patience = 20000000000;

#define OK(call)   CHECK_EQUAL(call, KERN_SUCCESS)
#define READ_WRITE (VM_PROT_READ | VM_PROT_WRITE)

/* A page that all share. */
static struct shared {
    _Atomic bool done[TASKS_MAX];
    _Atomic uint32_t failures;
} * shared;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static uint64_t soon(void)
{
    return kernel_clock_now() + patience;
}

/* ---- who watches ---- */

/* One for each watched task; 0 is not used. */
static struct watched {
    mach_port_name_t port; /* in the place of its own */
    mach_port_name_t task; /* its own */
    uint32_t calls[IDS];
} watched[TASKS_MAX];
static unsigned watched_count = 1;
static mach_port_name_t all; /* the set of their ports */
static uint64_t body[MSG_BODY_MAX / 8], answer_body[MSG_BODY_MAX / 8];
static struct thread watcher;

/* A right to be given away. */
static mach_port_name_t watch(void)
{
    struct watched *w = &watched[watched_count];
    mach_port_name_t name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &w->port));
    OK(port_insert_made_send(me(), w->port, w->port, &name));
    OK(port_set_payload(me(), w->port, watched_count++));
    OK(port_move_member(me(), w->port, all));
    return w->port;
}

/* What they make is watched, too: it gets a port of ours, and so does its maker. */
static kern_return_t create(struct server_message *message, uint32_t flags, const char *name,
                            const struct task_limit *limits, uint32_t limits_count,
                            mach_port_name_t self_port, mach_port_name_t *made, uint32_t *self_name)
{
    struct watched *maker = &watched[message->received.local];
    if (!CHECK(watched_count < TASKS_MAX && self_port == MSG_NULL))
        return KERN_DENIED;
    struct watched *w = &watched[watched_count];
    *made = watch();
    return task_create(maker->task, flags, name, limits, limits_count, *made, &w->task, self_name);
}

static kern_return_t set_name(struct server_message *message, const char *name)
{
    (void)message, (void)name;
    return KERN_DENIED;
}

/* Nobody in a descriptor comes without a disposition, and has to go with one. */
static void pass_nobody(uint64_t *words, unsigned descriptors)
{
    struct msg_descriptor d;
    for (unsigned i = 0; i < descriptors; i++) {
        memcpy(&d, &words[2 * (size_t)i], sizeof(d));
        if (d.disposition == 0)
            d.disposition = MSG_COPY_SEND;
        memcpy(&words[2 * (size_t)i], &d, sizeof(d));
    }
}

/* To the true port, which answers the caller. */
static void pass_on(struct msg_registers *m)
{
    const struct watched *w = &watched[m->local];
    bool is_long = msg_length(m->control) > MSG_REGISTER_BYTES;
    mach_port_name_t reply = MSG_NULL;
    if (m->remote == MSG_REPLY)
        reply = (mach_port_name_t)sys_reply_keep();
    pass_nobody(is_long ? body : m->word, msg_descriptors(m->control));
    struct msg_registers next = *m;
    next.destination = w->task;
    next.control = MSG_CONTROL(MSG_COPY_SEND, reply != MSG_NULL ? MSG_MOVE_SEND_ONCE : 0,
                               msg_length(m->control), msg_descriptors(m->control));
    next.local = reply;
    next.receive = MSG_NULL;
    next.deadline = TRAP_NEVER;
    if (is_long)
        next.word[0] = (uintptr_t)body;
    user_msg_trap(&next);
    CHECK_EQUAL(next.result, 0);
}

static void answer_ourselves(struct msg_registers *m)
{
    static const struct task_ops ops = {.create = create, .set_name = set_name};
    struct server_interface interface = task_interface(&ops, NULL);
    bool is_long = msg_length(m->control) > MSG_REGISTER_BYTES;
    struct server_message message = {.in = is_long ? body : m->word,
                                     .out = answer_body,
                                     .received = *m};
    mach_port_name_t reply = (mach_port_name_t)sys_reply_keep();
    kern_return_t kr = server_dispatch(&interface, &message);
    uint32_t shape = kr == KERN_SUCCESS ? message.out_shape : 0;
    OK(stub_send(reply, MSG_MOVE_SEND_ONCE, kr, answer_body, shape, TRAP_NEVER));
}

static void keep_watch(void *argument)
{
    (void)argument;
    for (;;) {
        struct msg_registers m = {.receive = all,
                                  .deadline = TRAP_NEVER,
                                  .buffer = (uintptr_t)body,
                                  .size = sizeof(body)};
        user_msg_trap(&m);
        if (m.result == -(int64_t)MACH_RCV_PORT_DIED || m.result == -(int64_t)MACH_RCV_INVALID_NAME)
            return; /* the set is gone */
        if (!CHECK(m.result == 0 && m.local < watched_count && m.id < IDS))
            return;
        watched[m.local].calls[m.id]++;
        if (m.id == TASK_BASE + 1 || m.id == TASK_BASE + 7)
            answer_ourselves(&m);
        else
            pass_on(&m);
    }
}

/* ---- who is watched ---- */

static void do_nothing(void *argument)
{
    (void)argument;
}

/* All of it asks its own port, and nothing shows that somebody is between. */
static void be_ordinary(void)
{
    static struct thread thread;
    struct task_info info;
    void *memory;
    uint32_t name;
    for (unsigned i = 0; i < ROUNDS; i++)
        OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &name));
    OK(kernel_vm_allocate(3 * (size_t)PAGE, &memory));
    memset(memory, 1, 3 * (size_t)PAGE);
    OK(kernel_vm_deallocate(memory, 3 * (size_t)PAGE));
    OK(task_info(me(), &info));
    CHECK(info.threads == 1 && info.id > 1);
    CHECK_EQUAL(task_set_name(me(), "somebody else"), KERN_DENIED);
    OK(thread_start(&thread, do_nothing, NULL, THREAD_PRIORITY_DEFAULT));
    thread_join(&thread);
}

static int finished(unsigned number)
{
    atomic_fetch_add(&shared->failures, check_failures());
    atomic_store(&shared->done[number], true);
    return 0;
}

/* It has its parent's right of the same name. */
static int be_grandchild(void *argument)
{
    const mach_port_name_t *parent = argument;
    be_ordinary();
    OK(stub_send(*parent, MSG_COPY_SEND, HELLO, NULL, 0, soon()));
    return finished(2);
}

static int be_child(void *argument)
{
    struct clone clone;
    mach_port_name_t port = MSG_NULL, name;
    (void)argument;
    be_ordinary();
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &name));
    OK(clone_make(&clone, be_grandchild, &port, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&clone));
    struct msg_registers m = {.receive = port, .deadline = soon()};
    user_msg_trap(&m);
    CHECK(m.result == 0 && m.id == HELLO);
    return finished(1);
}

/* ---- the creator ---- */

/* As if clone_make() had been told of the substitute: its name for itself, where libsys looks. */
static void substitute(const struct clone *clone, mach_port_name_t port)
{
    mach_port_name_t name = MSG_NULL, own = MSG_NULL;
    uint8_t data[sizeof(own)];
    uint32_t count;
    uintptr_t place = (uintptr_t)&program_start_info->task;
    OK(vm_read(clone->task, place, sizeof(own), data, &count));
    memcpy(&own, data, sizeof(own));
    OK(port_insert_send(clone->task, 0, port, &name));
    OK(vm_write(clone->task, place, (const uint8_t *)&name, sizeof(name)));
    OK(port_deallocate(clone->task, own));
}

/* What create() gives a task without memory or threads. */
static void test_self_name(mach_port_name_t port)
{
    mach_port_name_t made, right = MSG_NULL;
    uint32_t self = MSG_NULL;
    OK(task_create(me(), 0, "bare", NULL, 0, port, &made, &self));
    OK(port_extract_send(made, self, PORT_HOW_COPY_SEND, &right));
    CHECK_EQUAL(right, port);
    OK(port_deallocate(me(), right));
    OK(task_terminate(made, 0));
    OK(port_deallocate(me(), made));
}

static void check_calls(unsigned number)
{
    const uint32_t *calls = watched[number].calls;
    CHECK(calls[PORT_BASE + 1] >= ROUNDS);
    CHECK(calls[VM_BASE + 1] >= 2 && calls[VM_BASE + 2] >= 2);
    CHECK_EQUAL(calls[TASK_BASE + 5], 1);
    CHECK_EQUAL(calls[TASK_BASE + 7], 1);
    CHECK(calls[TASK_BASE + 13] >= 1);
}

static void wait_for(unsigned number)
{
    uint64_t give_up = soon();
    while (!atomic_load(&shared->done[number]) && kernel_clock_now() < give_up)
        OK(kernel_sleep_until(kernel_clock_now() + 1000000));
    CHECK(shared->done[number]);
}

static void end_watch(void)
{
    for (unsigned i = 1; i < watched_count; i++) {
        (void)!task_terminate(watched[i].task, 0);
        OK(port_deallocate(me(), watched[i].task));
    }
    OK(port_mod_refs(me(), all, PORT_RIGHT_SET, -1));
    thread_join(&watcher);
}

int main(void)
{
    struct clone clone;
    uint64_t address = 0;
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, MSG_NULL, READ_WRITE, READ_WRITE, VM_INHERIT_SHARE,
              &address));
    shared = (struct shared *)(uintptr_t)address;
    OK(port_allocate(me(), PORT_RIGHT_SET, &all));
    OK(clone_make(&clone, be_child, NULL, THREAD_PRIORITY_DEFAULT));
    mach_port_name_t port = watch();
    watched[1].task = clone.task;
    substitute(&clone, port);
    test_self_name(port);
    OK(thread_start(&watcher, keep_watch, NULL, THREAD_PRIORITY_DEFAULT + 1));
    OK(clone_run(&clone));
    wait_for(1);
    wait_for(2);
    check_calls(1);
    check_calls(2);
    CHECK_EQUAL(watched[1].calls[TASK_BASE + 1], 1);
    /* Its maker made its first thread and wrote to its memory. */
    CHECK(watched[2].calls[TASK_BASE + 13] > 1);
    CHECK(watched[2].calls[VM_BASE + 5] > 0);
    CHECK_EQUAL(shared->failures, 0);
    end_watch();
    return check_end("ipc-interpose");
}
