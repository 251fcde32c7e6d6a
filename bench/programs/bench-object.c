/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of the kernel's objects, queues, sets, and threads that wake each other: what one task can measure. Arguments
 * choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/machine.h>
#include <user/msg.h>
#include <wharf/if/clock.h>
#include <wharf/if/port.h>
#include <wharf/if/rpc.h>
#include <wharf/if/task.h>

static mach_port_name_t self;

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

/* ---- calls ---- */

static uint64_t null_object_call(uint64_t n)
{
    const mach_port_name_t to = program_start_info->clock;
    uint64_t now;
    ROW_LOOP(n, clock_now(to, &now));
}

static uint64_t task_call(uint64_t n)
{
    const mach_port_name_t to = self, host = program_start_info->host;
    uint32_t rights;
    ROW_LOOP(n, port_type(to, host, &rights));
}

[[gnu::noinline]] static kern_return_t create_destroy(void)
{
    mach_port_name_t port;
    const kern_return_t kr = port_allocate(self, PORT_RIGHT_RECEIVE, &port);
    return kr == KERN_SUCCESS ? port_mod_refs(self, port, PORT_RIGHT_RECEIVE, -1) : kr;
}

static uint64_t port_create_destroy(uint64_t n)
{
    ROW_LOOP(n, create_destroy());
}

/* More urgent than this thread, it runs at once, and ends with its first instruction: it needs no stack. */
[[gnu::noinline]] static kern_return_t create_terminate(void)
{
    mach_port_name_t thread;
    uint32_t id;
    const kern_return_t kr = task_create_thread(self, (uintptr_t)sys_thread_exit, 0x1000, 0, 0,
                                                THREAD_PRIORITY_DEFAULT + 1, true, &thread, &id);
    return kr == KERN_SUCCESS ? port_deallocate(self, thread) : kr;
}

static uint64_t thread_create_terminate(uint64_t n)
{
    ROW_LOOP(n, create_terminate());
}

/* ---- queues and sets ---- */

static mach_port_name_t make_port(void)
{
    mach_port_name_t port = 0, name;
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self, port, port, &name), KERN_SUCCESS);
    return port;
}

/* Not cleared first: that would be counted. */
static kern_return_t receive(mach_port_name_t from)
{
    struct msg_registers registers;
    registers.destination = MSG_NULL;
    registers.control = 0;
    registers.receive = from;
    registers.deadline = UINT64_MAX;
    registers.size = 0;
    user_msg_trap(&registers);
    return trap_error(registers.result);
}

static mach_port_name_t queue;

[[gnu::noinline]] static kern_return_t send_receive(void)
{
    static const uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const kern_return_t kr = rpc_post(queue, words);
    return kr == KERN_SUCCESS ? receive(queue) : kr;
}

/* Some messages are in the queue already: what is received was sent some time ago. */
static uint64_t async_send_receive(uint64_t n)
{
    ROW_LOOP(n, send_receive());
}

static void prepare_queue(void)
{
    static const uint64_t words[8];
    queue = make_port();
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQUAL(rpc_post(queue, words), KERN_SUCCESS);
}

enum { MEMBERS = 1000 };
static mach_port_name_t set, member[MEMBERS];

static void prepare_set(void)
{
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_SET, &set), KERN_SUCCESS);
    for (unsigned i = 0; i < MEMBERS; i++) {
        member[i] = make_port();
        CHECK_EQUAL(port_move_member(self, member[i], set), KERN_SUCCESS);
    }
}

/* A message to each in turn; only the receiving is counted. */
static uint64_t set_receive(uint64_t n)
{
    unsigned failed = 0;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        failed |= rpc_notify(member[i * 7 % MEMBERS]);
        const uint64_t start = machine_counter_raw();
        failed |= receive(set);
        sum += machine_counter_raw() - start;
    }
    CHECK_EQUAL(failed, KERN_SUCCESS);
    return sum;
}

/* ---- threads ---- */

static _Atomic uint32_t word;

/* More urgent than who wakes it. */
static void wait_for_ever(void *argument)
{
    (void)argument;
    for (uint32_t seen = 0;; seen++)
        (void)sys_futex_wait((const void *)&word, seen, TRAP_NEVER);
}

static void prepare_waiter(void)
{
    static struct thread thread;
    CHECK_EQUAL(thread_start(&thread, wait_for_ever, NULL, THREAD_PRIORITY_DEFAULT + 1),
                KERN_SUCCESS);
}

[[gnu::noinline]] static kern_return_t wake(void)
{
    atomic_fetch_add_explicit(&word, 1, memory_order_relaxed);
    return sys_futex_wake((const void *)&word, 1) == 1 ? KERN_SUCCESS : KERN_FAILURE;
}

static uint64_t futex_wake_wait(uint64_t n)
{
    ROW_LOOP(n, wake());
}

static const struct row rows[] = {
    {"null_object_call", null_object_call, NULL},
    {"task_call", task_call, NULL},
    {"port_create_destroy", port_create_destroy, NULL},
    {"thread_create_terminate", thread_create_terminate, NULL},
    {"async_send_receive", async_send_receive, prepare_queue},
    {"set_receive_1000", set_receive, prepare_set},
    {"futex_wake_wait", futex_wake_wait, prepare_waiter},
};

int main(int argc, char **argv)
{
    self = program_start_info->task;
    rows_run(rows, sizeof(rows) / sizeof(rows[0]), empty(REPEATS), argc, argv);
    print("bench: done\n");
    return 0;
}
