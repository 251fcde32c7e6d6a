/* SPDX-License-Identifier: BSD-2-Clause */
#include "control_world.h"

#include "kernel_calls.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/space.h>
#include <wharf/message.h>
#include <wharf/trap.h>

/* What the scripts saw of themselves. Atomic: several CPUs. */
static struct {
    _Atomic uint64_t actions, result;
} seen[ROLES];
static uint64_t seed;
struct task *its_task;
struct thread *target;
_Atomic uint32_t port_name, messages;

static void trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2}};
}

/* A message without a body; the parts that are not wanted are 0. */
static void message(struct host_action *next, unsigned remote, unsigned local, uint32_t receive)
{
    if (port_name == 0)
        return; /* not yet */
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    next->args[0] = remote ? port_name : 0;
    next->args[2] = MSG_CONTROL(remote, local, 0, 0);
    next->args[13] = receive;
    next->args[14] = NANOS_NEVER;
}

static void send(struct host_action *next)
{
    uint32_t left = atomic_load(&messages);
    while (left > 0 && !atomic_compare_exchange_weak(&messages, &left, left - 1))
        continue;
    if (left > 0)
        message(next, MSG_MAKE_SEND, 0, 0);
    else
        trap(next, TRAP_thread_switch, 0, 0, 0);
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    uint64_t role = t->arch.program.arg;
    (void)cpu, (void)context;
    atomic_fetch_add(&seen[role].actions, 1);
    atomic_store(&seen[role].result, t->arch.x[0]);
    switch (role) {
    case BURNER: *next = (struct host_action){.kind = HOST_BURN, .ticks = 40}; break;
    case FP_USER:
        *next = (struct host_action){.kind = t->arch.program.actions ? HOST_STAY : HOST_FP,
                                     .value = FP_VALUE};
        break;
    case WAITER: trap(next, TRAP_futex_wait, WORLD_WORDS_VA, 0, NANOS_NEVER); break;
    case SLEEPER: sleep_until(next, clock_now() + 20000); break;
    case RECEIVER: message(next, 0, 0, port_name); break;
    case CALLER: message(next, MSG_MAKE_SEND, MSG_MAKE_REPLY, MSG_REPLY); break;
    case SENDER: send(next); break;
    default:
        trap(next, t->arch.program.actions % 2 ? TRAP_thread_switch : TRAP_futex_wake,
             WORLD_WORDS_VA, 1, 0);
        break;
    }
}

uint64_t last_result(enum role role)
{
    return atomic_load(&seen[role].result);
}

void control_start(uint64_t run_seed, unsigned cpus, bool threads, bool reset_ends_run)
{
    seed = run_seed;
    world_start(&(struct world_config){.seed = seed,
                                       .cpus = cpus,
                                       .threads = threads,
                                       .script = script,
                                       .reset_ends_run = reset_ends_run});
}

/* --- calls into the kernel --- */

void do_call(void *argument)
{
    struct call *call = argument;
    call->kr = call->function(call);
    call->times++;
}

static unsigned a_cpu(void)
{
    static uint64_t random;
    random += seed;
    return (unsigned)host_random_below(&random, cpu_count);
}

void run(uint64_t steps)
{
    (void)host_machine_run(steps, arch_counter() + arch_counter_frequency() / 100);
}

/* As a trap would do it: again and again, and others run in between. */
kern_return_t until_done(struct call *call)
{
    for (unsigned n = 0; n < 10000; n++) {
        host_machine_call(a_cpu(), do_call, call);
        if (call->kr != KERN_RETRY)
            return call->kr;
        run(1);
    }
    host_machine_fail("KERN_RETRY for ever");
}

kern_return_t on(struct thread *t, kern_return_t (*function)(struct call *call))
{
    return until_done(&(struct call){.function = function, .thread = t});
}

kern_return_t with_number(kern_return_t (*function)(struct call *call), unsigned number,
                          size_t size)
{
    return until_done(
        &(struct call){.function = function, .thread = target, .number = number, .size = size});
}

CALL(call_get, thread_get_state(call->thread, call->number, call->state, &call->size))
CALL(call_set, thread_set_state(call->thread, call->number, call->state, call->size))

kern_return_t get(unsigned flavour, void *state, size_t size)
{
    return until_done(&(struct call){
        .function = call_get, .thread = target, .number = flavour, .state = state, .size = size});
}

kern_return_t set(unsigned flavour, const void *state, size_t size)
{
    return until_done(&(struct call){.function = call_set,
                                     .thread = target,
                                     .number = flavour,
                                     .state = (void *)(uintptr_t)state,
                                     .size = size});
}

/* --- the world --- */

static void make(void *argument)
{
    uint64_t role = *(uint64_t *)argument;
    CHECK_EQUAL(world_task("control", role, PRIORITY, &its_task, &target), KERN_SUCCESS);
}

void begin(enum role role)
{
    uint64_t argument = role;
    host_machine_call(a_cpu(), make, &argument);
    atomic_store(&seen[role].actions, 0);
    port_name = messages = 0;
    run(STEPS);
}

static kern_return_t allocate_port(struct call *call)
{
    mach_port_name_t name;
    kern_return_t kr = space_allocate(call->thread->task->space, RIGHT_RECEIVE, &name);
    if (kr == KERN_SUCCESS)
        port_name = name;
    return kr;
}

void make_port(void)
{
    CHECK_EQUAL(on(target, allocate_port), KERN_SUCCESS);
}

kern_return_t add_thread(struct call *call)
{
    struct thread *new;
    unsigned priority = PRIORITY + (call->number == SLEEPER); /* it gets its turn at once */
    kern_return_t kr = thread_create(its_task, 0x10000, 0x20000, call->number, 0, priority, &new);
    if (kr != KERN_SUCCESS)
        return kr;
    thread_resume(new);
    thread_unref(new);
    return kr;
}

static kern_return_t drop(struct call *call)
{
    thread_unref(call->thread);
    task_terminate(its_task, 0, false);
    task_unref(its_task);
    return KERN_SUCCESS;
}

void end(void)
{
    world_check(&its_task, 1);
    CHECK_EQUAL(on(target, drop), KERN_SUCCESS);
    world_wait_for_tasks();
    world_check_accounts();
}

static bool moves(enum role role)
{
    uint64_t before = atomic_load(&seen[role].actions);
    run(STEPS);
    world_check(&its_task, 1);
    return atomic_load(&seen[role].actions) != before;
}

bool stands(enum role role)
{
    return !moves(role);
}

/* Sooner or later, whatever else runs. */
bool goes_on(enum role role)
{
    for (unsigned n = 0; n < 200; n++)
        if (moves(role))
            return true;
    return false;
}

bool waits(void)
{
    return atomic_load(&target->state) == THREAD_WAITING;
}

bool is_parked(void)
{
    return atomic_load(&target->state) == THREAD_SUSPENDED;
}
