/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bombs: a task makes one kind of thing until its ledger says no. It gets errors; its neighbours, who
 * call each other all the time, do not notice; when it is dead, everything is back.
 *
 *      test_ipc_bombs [threads]
 */
#include "ipc_world.h"

#include <arch/message.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/kmem.h>
#include <kern/map.h>
#include <kern/notify.h>
#include <string.h>
#include <wharf/trap.h>

enum role { BOMBER, SLEEPER, CLIENT, SERVER };
enum { PORTS = 150, THREADS = 12, QUEUED = 40000, KMEM = 300000, FRAMES = 100 };

static struct {
    const struct bomb *bomb;
    _Atomic uint64_t refused, made; /* of the bomber's attempts */
    _Atomic uint64_t calls;         /* of the neighbours */
    mach_port_name_t port, send;    /* of the bomber */
    mach_port_name_t service; /* of the server; the client has a send right of the same name */
    mach_port_name_t client_name;
    vaddr_t page; /* of the bomber's memory */
    bool trapped; /* the bomber's last attempt was a trap */
} now;

/* --- bombs: one attempt each, from the script --- */

typedef kern_return_t bomb_t(struct task *task, struct host_action *next);
struct bomb {
    const char *name;
    bomb_t *attempt; /* a call, or KERN_RETRY: a trap, whose result tells */
};

static kern_return_t more_ports(struct task *task, struct host_action *next)
{
    mach_port_name_t name;
    (void)next;
    return space_allocate(task->space, RIGHT_RECEIVE, &name);
}
static kern_return_t more_sets(struct task *task, struct host_action *next)
{
    mach_port_name_t name;
    (void)next;
    return space_allocate(task->space, RIGHT_SET, &name);
}
static kern_return_t more_names(struct task *task, struct host_action *next)
{
    mach_port_name_t name;
    (void)next;
    return space_allocate(task->space, RIGHT_DEAD, &name);
}
static kern_return_t more_once(struct task *task, struct host_action *next)
{
    mach_port_name_t name;
    (void)next;
    return ipc_give(task, now.port, MSG_MAKE_SEND_ONCE, task, &name);
}

/* A port that is asked about, and whose name and answer are kept. */
static kern_return_t more_requests(struct task *task, struct host_action *next)
{
    mach_port_name_t name;
    struct kright notify;
    kern_return_t kr = more_ports(task, next);
    if (kr == KERN_SUCCESS)
        kr = space_allocate(task->space, RIGHT_RECEIVE, &name);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&task->space->lock);
    kr = space_take(task->space, now.port, MSG_MAKE_SEND_ONCE, &notify);
    spin_unlock(&task->space->lock);
    if (kr == KERN_SUCCESS) {
        kr = space_request_notification(task->space, name, MSG_ID_DEAD_NAME, 0, &notify);
        kright_destroy(&notify);
    }
    return kr;
}

static void message(struct host_action *next, unsigned remote, uint32_t length,
                    unsigned descriptors)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    next->args[MSG_X_DEST] = now.send;
    next->args[MSG_X_ID] = 1;
    next->args[MSG_X_CONTROL] = MSG_CONTROL(remote, 0, length, descriptors);
    next->args[MSG_X_ADDRESS] = now.page;
}

static kern_return_t more_messages(struct task *task, struct host_action *next)
{
    (void)task;
    message(next, MSG_COPY_SEND, 512, 0);
    return KERN_RETRY;
}
/* Send-once rights ignore the queue's limit. */
static kern_return_t more_answers(struct task *task, struct host_action *next)
{
    (void)task;
    message(next, MSG_MAKE_SEND_ONCE, 0, 0);
    return KERN_RETRY;
}
/* A port in a message, in the queue of the one before: a chain that nobody has a name for. */
static kern_return_t more_chains(struct task *task, struct host_action *next)
{
    mach_port_name_t name, send;
    kern_return_t kr = space_allocate(task->space, RIGHT_RECEIVE, &name);
    if (kr == KERN_SUCCESS)
        kr = ipc_give(task, name, MSG_MAKE_SEND, task, &send);
    if (kr != KERN_SUCCESS)
        return kr;
    message(next, MSG_COPY_SEND, MSG_DESCRIPTOR_SIZE, 1);
    next->args[MSG_X_ADDRESS] = name; /* the descriptor, in the body's first registers */
    next->args[5] = (uint64_t)MSG_MOVE_RECEIVE << 40;
    now.send = send;
    return KERN_RETRY;
}
static kern_return_t more_threads(struct task *task, struct host_action *next)
{
    struct thread *thread;
    (void)next;
    kern_return_t kr = thread_create(task, 0x10000, 0x20000, SLEEPER, 0, PRIORITY_DEFAULT, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    thread_resume(thread);
    thread_unref(thread);
    return kr;
}

static const struct bomb bomb[] = {
    {"ports", more_ports},
    {"sets", more_sets},
    {"dead names", more_names},
    {"send-once rights", more_once},
    {"requests", more_requests},
    {"messages", more_messages},
    {"messages beyond the limit", more_answers},
    {"chains of ports", more_chains},
    {"threads", more_threads},
};

/* --- scripts --- */

static void note(kern_return_t kr)
{
    if (kr == KERN_SUCCESS)
        atomic_fetch_add(&now.made, 1);
    else if (kr == KERN_LIMIT || kr == MACH_SEND_NO_BUFFER || kr == KERN_NO_SPACE)
        atomic_fetch_add(&now.refused, 1);
    else
        host_machine_fail("%s: error %u", now.bomb->name, kr);
}

static void play_bomber(struct thread *t, struct host_action *next)
{
    if (t->arch.program.actions == 0) { /* touched: the limits are about other things */
        struct map_request request = {.pages = 1, .prot = PROT_READ, .max_prot = PROT_READ};
        CHECK_EQUAL(map_enter(t->task, &request), KERN_SUCCESS);
        CHECK_EQUAL(vm_fault(NULL, t->task, request.start, PROT_READ), KERN_SUCCESS);
        now.page = request.start;
        now.trapped = false;
    }
    if (now.trapped)
        note((kern_return_t) - (int64_t)t->arch.x[0]);
    kern_return_t kr = now.bomb->attempt(t->task, next);
    now.trapped = kr == KERN_RETRY;
    if (!now.trapped)
        note(kr);
}

/* One call after the other, all of which succeed. */
static void play_client(struct thread *t, struct host_action *next)
{
    if (t->arch.program.actions > 0) {
        if (t->arch.x[0] != 0 || t->arch.x[MSG_X_ID] != 5)
            host_machine_fail("a neighbour's call failed: %lld", (long long)t->arch.x[0]);
        atomic_fetch_add(&now.calls, 1);
    }
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    next->args[MSG_X_DEST] = now.client_name;
    next->args[MSG_X_ID] = 4;
    next->args[MSG_X_CONTROL] = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 24, 0);
    next->args[MSG_X_RECEIVE] = MSG_REPLY;
    next->args[MSG_X_DEADLINE] = NANOS_NEVER;
}

static void play_server(struct thread *t, struct host_action *next)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    next->args[MSG_X_RECEIVE] = now.service;
    next->args[MSG_X_DEADLINE] = NANOS_NEVER;
    if (t->arch.program.actions == 0)
        return;
    if (t->arch.x[0] != 0 || t->arch.x[MSG_X_RECEIVE] != MSG_REPLY)
        host_machine_fail("a neighbour's receive failed: %lld", (long long)t->arch.x[0]);
    next->args[MSG_X_DEST] = MSG_REPLY;
    next->args[MSG_X_ID] = 5;
    next->args[MSG_X_CONTROL] = MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0);
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    switch (t->arch.program.arg) {
    case BOMBER: play_bomber(t, next); break;
    case CLIENT: play_client(t, next); break;
    case SERVER: play_server(t, next); break;
    default:
        *next = (struct host_action){.kind = HOST_TRAP,
                                     .number = TRAP_futex_wait,
                                     .args = {now.page, 0, clock_now() + 1000000}};
        break;
    }
}

/* --- the stage --- */

static void start(struct task *task, enum role role)
{
    struct thread *thread;
    CHECK_EQUAL(thread_create(task, 0x10000, 0x20000, role, 0, PRIORITY_DEFAULT, &thread),
                KERN_SUCCESS);
    thread_resume(thread);
    thread_unref(thread);
}

static void make_neighbours(void *unused)
{
    struct task *server, *client;
    (void)unused;
    CHECK_EQUAL(task_create(&kernel_ledger, "server", &server), KERN_SUCCESS);
    CHECK_EQUAL(task_create(&kernel_ledger, "client", &client), KERN_SUCCESS);
    CHECK_EQUAL(ipc_port(server, 4, 1000, &now.service), KERN_SUCCESS);
    CHECK_EQUAL(ipc_give(server, now.service, MSG_MAKE_SEND, client, &now.client_name),
                KERN_SUCCESS);
    ipc_task[0].task = server;
    ipc_task[1].task = client;
    start(server, SERVER);
    start(client, CLIENT);
}

static void make_bomber(void *unused)
{
    struct task *task;
    (void)unused;
    CHECK_EQUAL(task_create(&kernel_ledger, "bomber", &task), KERN_SUCCESS);
    ledger_set_limit(task->ledger, LEDGER_PORTS, PORTS);
    ledger_set_limit(task->ledger, LEDGER_THREADS, THREADS);
    ledger_set_limit(task->ledger, LEDGER_QUEUED, QUEUED);
    ledger_set_limit(task->ledger, LEDGER_KMEM, KMEM);
    ledger_set_limit(task->ledger, LEDGER_FRAMES, FRAMES);
    CHECK_EQUAL(ipc_port(task, PORT_LIMIT_MAX, 1000000, &now.port), KERN_SUCCESS);
    CHECK_EQUAL(ipc_give(task, now.port, MSG_MAKE_SEND, task, &now.send), KERN_SUCCESS);
    ipc_task[2].task = task;
    start(task, BOMBER);
}

static void end_bomber(void *task)
{
    task_terminate(task, 3, false);
}

static void run(uint64_t steps)
{
    (void)host_machine_run(steps, arch_counter() + arch_counter_frequency() / 10);
    ipc_world_check();
}

/* Its death takes what it took; nobody else's calls stop. */
static void wait_for_death(void)
{
    for (unsigned n = 0; ipc_task[2].task || !reaper_is_idle(); n++) {
        if (n == 1000)
            host_machine_fail("%s: the bomber does not end", now.bomb->name);
        run(500);
        ipc_drop_ended();
    }
}

/*
 * Neighbours get on: whose turn it is within a short run is a matter of chance where the CPUs are
 * threads of the host, so they have a thousand of them.
 */
static void expect_more_calls(uint64_t calls)
{
    for (unsigned n = 0; atomic_load(&now.calls) <= calls; n++) {
        if (n == 1000)
            host_machine_fail("%s: the neighbours' calls have stopped", now.bomb->name);
        run(500);
    }
}

static void explode(const struct bomb *this)
{
    now.bomb = this;
    atomic_store(&now.refused, 0);
    atomic_store(&now.made, 0);
    int64_t objects = kmem_live_objects();
    uint64_t calls = atomic_load(&now.calls);
    host_machine_call(1 % cpu_count, make_bomber, NULL);
    for (unsigned n = 0; atomic_load(&now.refused) < 200; n++) {
        if (n == 1000)
            host_machine_fail("%s: nothing stops the bomber", this->name);
        run(1000);
    }
    struct task *task = ipc_task[2].task;
    CHECK(ledger_used(task->ledger, LEDGER_KMEM) <= KMEM);
    expect_more_calls(calls);
    calls = atomic_load(&now.calls);
    host_machine_call(0, end_bomber, task);
    wait_for_death();
    expect_more_calls(calls);
    CHECK_EQUAL(kmem_live_objects(), objects);
    printf("  %s: %llu made, %llu refused; %llu calls of neighbours so far\n", this->name,
           (unsigned long long)atomic_load(&now.made),
           (unsigned long long)atomic_load(&now.refused),
           (unsigned long long)atomic_load(&now.calls));
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    bool threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    host_set_repeat_line(threads ? "test_ipc_bombs threads" : "test_ipc_bombs");
    world_start(&(struct world_config){
        .seed = parameter("WHARF_SEED", 1), .cpus = 3, .threads = threads, .script = script});
    host_machine_call(0, make_neighbours, NULL);
    for (unsigned i = 0; i < array_count(bomb); i++)
        explode(&bomb[i]);
    ipc_world_finish();
    host_machine_end();
    return 0;
}
