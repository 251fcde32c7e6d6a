/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that take as much as they can of everything that messages need: each is refused at its ledger's limit, with the error that
 * says so, and its death gives all of it back. Meanwhile a neighbour's calls, one after the other at fixed moments, all
 * succeed. All bombs go off several times: what is left after the last was there after the first. The neighbour is gone
 * then, for at any moment there may be a message of its on its way.
 */
#include "ipc-bombs.h"

#include "echo.h"
#include "ipc-actor.h"

#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <wharf/if/host.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, ROUNDS = 5, PERIOD = 500000, URGENT = 200, KEPT = 64 };
static const uint64_t patience = 20000000000;

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

struct bomb_shared *bomb_shared;
mach_port_name_t bomb_victim;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

/* ---- the neighbour ---- */

static struct {
    struct clone server, client;
    mach_port_name_t port;
} neighbour;

static int serve(void *argument)
{
    (void)argument;
    return echo_serve(neighbour.port);
}

static int ask(void *argument)
{
    uint64_t next = kernel_clock_now();
    (void)argument;
    while (!atomic_load(&bomb_shared->stop)) {
        uint64_t i = atomic_fetch_add(&bomb_shared->calls, 1);
        if (!echo_call(neighbour.port, i, kernel_clock_now() + patience))
            atomic_fetch_add(&bomb_shared->failures, 1);
        next += PERIOD;
        if (kernel_sleep_until(next) != KERN_SUCCESS)
            atomic_fetch_add(&bomb_shared->failures, 1);
    }
    atomic_store(&bomb_shared->stop, false);
    return 0;
}

static mach_port_name_t new_port(void)
{
    mach_port_name_t port = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &name));
    return port;
}

static void drop_port(mach_port_name_t port)
{
    OK(port_mod_refs(me(), port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), port));
}

static void start_neighbour(void)
{
    neighbour.port = new_port();
    OK(clone_make(&neighbour.server, serve, NULL, URGENT));
    OK(clone_make(&neighbour.client, ask, NULL, URGENT));
    OK(clone_give_receive(&neighbour.server, neighbour.port));
    OK(clone_run(&neighbour.server));
    OK(clone_run(&neighbour.client));
}

static void end_neighbour(void)
{
    atomic_store(&bomb_shared->stop, true);
    while (atomic_load(&bomb_shared->stop))
        OK(kernel_sleep_until(kernel_clock_now() + PERIOD));
    clone_end(&neighbour.client);
    clone_end(&neighbour.server);
    OK(port_deallocate(me(), neighbour.port));
}

/* ---- the bombs ---- */

static int go_off(void *argument)
{
    const struct bomb *bomb = argument;
    static _Atomic uint32_t never;
    bomb_shared->error = KERN_SUCCESS;
    while (bomb_shared->error == KERN_SUCCESS && bomb_shared->count < bomb->most) {
        bomb_shared->error = bomb->one_more(bomb_shared->count);
        bomb_shared->count += bomb_shared->error == KERN_SUCCESS;
    }
    atomic_store(&bomb_shared->done, true);
    while (atomic_load(&never) == 0)
        (void)sys_futex_wait(&never, 0, TRAP_NEVER);
    return 0;
}

/* What it may have beside what it has. */
static void limit(mach_port_name_t task, uint32_t kind, uint64_t more)
{
    uint64_t used = 0, peak, before;
    OK(task_ledger(task, kind, &used, &peak, &before));
    OK(task_set_limit(task, kind, used + more));
}

static void try_bomb(const struct bomb *bomb)
{
    struct clone clone;
    uint64_t give_up = kernel_clock_now() + patience;
    unsigned failures = check_failures();
    bomb_shared->count = 0;
    atomic_store(&bomb_shared->done, false);
    bomb_victim = new_port();
    OK(port_set_limits(me(), bomb_victim, 1024, UINT32_MAX));
    OK(clone_make(&clone, go_off, (void *)(uintptr_t)bomb, THREAD_PRIORITY_DEFAULT - 10));
    limit(clone.task, bomb->kind, bomb->limit);
    OK(clone_run(&clone));
    while (!atomic_load(&bomb_shared->done) && kernel_clock_now() < give_up)
        OK(kernel_sleep_until(kernel_clock_now() + PERIOD));
    CHECK(bomb_shared->done);
    CHECK(bomb_shared->error == bomb->wanted || bomb_shared->error == bomb->or_wanted);
    CHECK(bomb_shared->count >= bomb->least && bomb_shared->count < bomb->most);
    if (check_failures() != failures)
        print("ipc-bombs: %s: %lu, then %u\n", bomb->name, bomb_shared->count, bomb_shared->error);
    clone_end(&clone);
    drop_port(bomb_victim);
}

/* A limit given when the task is made, to a task that only we act for. */
static void test_limits_of_creation(void)
{
    const struct task_limit limits[] = {{.kind = BOMB_PORTS, .limit = 10},
                                        {.kind = BOMB_THREADS, .limit = 2}};
    mach_port_name_t task, thread;
    uint32_t self, name = MSG_NULL, id, made = 0;
    OK(task_create(me(), 0, "limited", limits, 2, MSG_NULL, &task, &self));
    kern_return_t kr = KERN_SUCCESS;
    for (; kr == KERN_SUCCESS && made < 20; made += kr == KERN_SUCCESS)
        kr = port_allocate(task, PORT_RIGHT_RECEIVE, &name);
    CHECK_EQUAL(kr, KERN_LIMIT);
    CHECK(made >= 8 && made <= 10);
    CHECK_EQUAL(task_set_limit(task, BOMB_PORTS, 11), KERN_DENIED);
    OK(port_mod_refs(task, name, PORT_RIGHT_RECEIVE, -1)); /* room for a thread's port, soon */
    do
        kr = task_create_thread(task, PAGE, 0, 0, 0, THREAD_PRIORITY_DEFAULT, false, &thread, &id);
    while (kr == KERN_LIMIT && kernel_sleep_until(kernel_clock_now() + PERIOD) == KERN_SUCCESS);
    CHECK_EQUAL(kr, KERN_SUCCESS);
    /* Nobody can start it any more: it ends, and its task with it. */
    OK(port_deallocate(me(), thread));
    OK(port_deallocate(me(), task));
}

static uint64_t frames_now(void)
{
    struct host_statistics now = {0};
    OK(host_statistics(program_start_info->host, &now));
    return now.free_frames;
}

/* Kernel memory goes back to where it came from behind one's back, too, and each CPU keeps some: eight objects of each
 * kind, and the largest messages may hold up as many frames each. How many it is changes from round to round; what a round
 * loses adds up. */
static void expect_frames(uint64_t before)
{
    struct host_facts facts = {0};
    OK(host_info(program_start_info->host, &facts));
    uint64_t give_up = kernel_clock_now() + patience, now;
    uint64_t wanted = before - KEPT * (uint64_t)facts.cpus_online;
    while ((now = frames_now()) < wanted && kernel_clock_now() < give_up)
        OK(kernel_sleep_until(kernel_clock_now() + PERIOD));
    if (now < wanted)
        print("ipc-bombs: %lu free frames, %lu wanted\n", now, wanted);
    CHECK(now >= wanted);
}

int main(void)
{
    uint64_t address, objects = 0, frames = 0;
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, MSG_NULL, BOMB_READ_WRITE, BOMB_READ_WRITE,
              VM_INHERIT_SHARE, &address));
    bomb_shared = (struct bomb_shared *)(uintptr_t)address;
    for (unsigned round = 0; round < ROUNDS; round++) {
        start_neighbour();
        test_limits_of_creation();
        for (unsigned i = 0; i < bomb_count; i++)
            try_bomb(&bombs[i]);
        end_neighbour();
        if (round == 0) {
            objects = objects_at_rest();
            frames = frames_now();
        }
    }
    expect_objects(objects);
    expect_frames(frames);
    print("ipc-bombs: %lu calls of the neighbour\n", bomb_shared->calls);
    CHECK(bomb_shared->calls > 20);
    CHECK_EQUAL(bomb_shared->failures, 0);
    return check_end("ipc-bombs");
}
