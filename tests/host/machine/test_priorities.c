/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets the CPU: the more urgent at once (S1), equals by turns, nobody where its affinity
 * forbids; idle CPUs take what waits elsewhere (S3); and the accounts of scheduling contexts say
 * what really happened.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/sched.h>

enum { BURNER, SLEEPER, MAX_ACTORS = 8, SLEEP_NS = 300000 };

struct actor {
    struct task *task;
    struct thread *thread;
    uint64_t arg; /* BURNER or SLEEPER */
    unsigned priority;
    uint64_t affinity;
    nanos_t due, latest; /* SLEEPER: when it wants to wake up; the longest it came late */
    uint64_t wakes;
};
static struct actor actors[MAX_ACTORS];
static unsigned actor_count;

static void sleep_again(struct actor *a, struct host_action *next)
{
    nanos_t now = clock_now();
    if (a->due) {
        nanos_t late = now - a->due;
        a->latest = late > a->latest ? late : a->latest;
        a->wakes++;
    }
    a->due = clock_now() + SLEEP_NS;
    sleep_until(next, a->due);
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    struct actor *a = &actors[t->arch.program.arg];
    (void)context;
    if (!(a->affinity >> cpu & 1))
        host_machine_fail("actor %llu runs on cpu %u", (unsigned long long)t->arch.program.arg,
                          cpu);
    if (a->arg == BURNER)
        *next = (struct host_action){.kind = HOST_BURN, .ticks = 1000000};
    else
        sleep_again(a, next);
}

static void make_actor(void *argument)
{
    struct actor *a = argument;
    CHECK_EQUAL(world_task("actor", (uint64_t)(a - actors), a->priority, &a->task, &a->thread),
                KERN_SUCCESS);
    CHECK_EQUAL(sched_set_affinity(a->thread, a->affinity), KERN_SUCCESS);
}

static struct actor *add(uint64_t kind, unsigned priority, uint64_t affinity)
{
    struct actor *a = &actors[actor_count++];
    *a = (struct actor){.arg = kind, .priority = priority, .affinity = affinity};
    host_machine_call(0, make_actor, a);
    return a;
}

static void end_actor(void *argument)
{
    struct actor *a = argument;
    thread_unref(a->thread);
    task_terminate(a->task, 0, false);
    task_unref(a->task);
}

static void clear(void)
{
    for (unsigned i = 0; i < actor_count; i++)
        host_machine_call(0, end_actor, &actors[i]);
    actor_count = 0;
    world_wait_for_tasks();
    world_check_accounts();
}

static uint64_t milliseconds(double n)
{
    return (uint64_t)(n * (double)arch_counter_frequency() / 1000);
}

static ticks_t run_for(double ms)
{
    ticks_t start = arch_counter();
    CHECK_EQUAL(host_machine_run(UINT64_MAX, start + milliseconds(ms)), HOST_STOP_TIME);
    struct task *tasks[MAX_ACTORS];
    for (unsigned i = 0; i < actor_count; i++)
        tasks[i] = actors[i].task;
    world_check(tasks, actor_count);
    return arch_counter() - start;
}

/* Ticks the actor had, but for the turn that goes on. */
static ticks_t consumed(const struct actor *a)
{
    return atomic_load(&a->thread->own_context.consumed);
}

static bool about(uint64_t value, uint64_t wanted, uint64_t tolerance)
{
    return value + tolerance >= wanted && value <= wanted + tolerance;
}

/* --- tests; the quantum is 10 ms --- */

static void test_urgent_first(unsigned cpus)
{
    for (unsigned i = 0; i < cpus; i++)
        add(BURNER, 100, ~UINT64_C(0));
    struct actor *urgent = add(SLEEPER, 200, ~UINT64_C(0));
    struct actor *idle = add(BURNER, 50, ~UINT64_C(0));
    run_for(200);
    CHECK(urgent->wakes > 400);
    /* Well below a quantum: an alarm, a switch, and the steps of the simulation. */
    CHECK(urgent->latest < 30000);
    printf("  %u CPUs: the urgent came at most %llu ns late\n", cpus,
           (unsigned long long)urgent->latest);
    CHECK(consumed(idle) < milliseconds(2)); /* only what the sleeper's idle moments leave: none */
    clear();
}

static void test_round_robin(void)
{
    for (unsigned i = 0; i < 4; i++)
        add(BURNER, 100, 1);
    ticks_t elapsed = run_for(1000);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        CHECK(about(consumed(&actors[i]), elapsed / 4, milliseconds(11)));
        sum += consumed(&actors[i]);
    }
    CHECK(about(sum, elapsed, milliseconds(11)));
    clear();
}

static void test_affinity(unsigned cpus)
{
    for (unsigned i = 0; i < cpus; i++) {
        add(BURNER, 100, UINT64_C(1) << i);
        add(BURNER, 100, UINT64_C(1) << i);
    }
    ticks_t elapsed = run_for(500);
    for (unsigned i = 0; i < actor_count; i++)
        CHECK(about(consumed(&actors[i]), elapsed / 2, milliseconds(21)));
    clear();
}

static void allow_all(void *argument)
{
    struct actor *a = argument;
    a->affinity = ~UINT64_C(0);
    CHECK_EQUAL(sched_set_affinity(a->thread, a->affinity), KERN_SUCCESS);
}

/* All on one CPU; when they may go anywhere every CPU is busy from then on. */
static void test_spread(unsigned cpus)
{
    for (unsigned i = 0; i < cpus; i++)
        add(BURNER, 100, 1);
    run_for(100);
    for (unsigned i = 0; i < cpus; i++)
        host_machine_call(i, allow_all, &actors[i]);
    run_for(50);
    uint64_t before = 0, after = 0;
    for (unsigned i = 0; i < cpus; i++) {
        CHECK(cpu_record[i].current != NULL);
        before += consumed(&actors[i]);
    }
    ticks_t elapsed = run_for(500);
    world_check(NULL, 0);
    /* Turns nobody waits behind go on for ever: their account is brought up to date by an end. */
    for (unsigned i = 0; i < cpus; i++)
        host_machine_call(i, allow_all, &actors[i]);
    for (unsigned i = 0; i < cpus; i++)
        after += consumed(&actors[i]);
    CHECK(about(after - before, elapsed * cpus, milliseconds(60 * cpus)));
    clear();
}

static void test_priority_change_one(void *argument)
{
    sched_set_priority(((struct actor *)argument)->thread, 150);
}

static void test_priority_change(void)
{
    struct actor *a = add(BURNER, 100, 1), *b = add(BURNER, 90, 1);
    run_for(50);
    CHECK(cpu_record[0].current == a->thread);
    host_machine_call(cpu_count - 1, test_priority_change_one, b);
    CHECK(cpu_record[0].current == b->thread); /* at once */
    run_for(50);
    CHECK(consumed(a) < milliseconds(51));
    clear();
}

static void run_all(void *argument)
{
    unsigned cpus = *(unsigned *)argument;
    world_start(&(struct world_config){.seed = cpus, .cpus = cpus, .script = script});
    test_urgent_first(cpus);
    test_round_robin();
    test_affinity(cpus);
    test_spread(cpus);
    test_priority_change();
    host_machine_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_priorities");
    for (unsigned cpus = 1; cpus <= 4; cpus++)
        if (!world_in_child(run_all, &cpus))
            return 1;
    return 0;
}
