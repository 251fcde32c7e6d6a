/* SPDX-License-Identifier: BSD-2-Clause */
#include "futex_story.h"

#include "kernel_calls.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/sched.h>
#include <string.h>
#include <wharf/trap.h>

struct actor actors[MAX_ACTORS];
static unsigned actor_count;
static struct task *task;
static nanos_t start; /* of the story */

/* Stands in for the kernel's own, for threads without ports. */
struct thread *futex_owner_lookup(struct thread *self, uint32_t name)
{
    if (name == 0 || name >= actor_count || self->task != task ||
        atomic_load(&actors[name].thread->state) == THREAD_DEAD)
        return NULL;
    thread_ref(actors[name].thread);
    return actors[name].thread;
}

/* --- actors --- */

nanos_t at_ms(double ms)
{
    return start + (nanos_t)(ms * 1e6);
}

void story_script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    struct actor *a = &actors[t->arch.program.arg];
    (void)context;
    (void)cpu;
    if (a->at > 0 && a->at <= a->count) {
        a->result[a->at - 1] = (int64_t)t->arch.x[0];
        a->when[a->at - 1] = clock_now();
    }
    sleep_until(next, TRAP_NEVER);
    if (a->at < a->count)
        *next = a->step[a->at];
    a->at++;
}

/* What is given to host_machine_call() has one argument. */
static void make_thread(void *argument)
{
    struct actor *a = argument;
    CHECK_EQUAL(thread_create(task, 0x10000, 0x20000, (uint64_t)(a - actors), 0, a->priority,
                              &a->thread),
                KERN_SUCCESS);
    thread_resume(a->thread);
}

static void make_task(void *argument)
{
    struct actor *a = argument;
    CHECK_EQUAL(world_task("actors", 0, 255, &task, &a->thread), KERN_SUCCESS);
}

void story_begin(void)
{
    memset(actors, 0, sizeof(actors));
    actor_count = 1;
    start = clock_now();
    host_machine_call(0, make_task, &actors[0]);
}

void sleeps(struct actor *a, double ms)
{
    sleep_until(&a->step[a->count++], at_ms(ms));
}

/* An actor that appears at a moment. Steps are added before the story goes on. */
struct actor *story_add(unsigned priority, double ms)
{
    struct actor *a = &actors[actor_count++];
    a->priority = priority;
    sleeps(a, ms);
    return a;
}

void does(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    a->step[a->count++] =
        (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2, a3}};
}

void requeues(struct actor *a, uint64_t number, uint64_t wake, uint64_t expected, uint64_t move,
              uint64_t owner)
{
    a->step[a->count++] = (struct host_action){.kind = HOST_TRAP,
                                               .number = number,
                                               .args = {A, wake, expected, B, move, owner}};
}

void burns(struct actor *a, double ms)
{
    a->step[a->count++] =
        (struct host_action){.kind = HOST_BURN,
                             .ticks = (ticks_t)(ms * (double)arch_counter_frequency() / 1000)};
}

void writes(struct actor *a, vaddr_t va, uint32_t value)
{
    a->step[a->count++] =
        (struct host_action){.kind = HOST_TOUCH, .va = va, .access = ACCESS_WRITE, .value = value};
}

uint32_t name_of(const struct actor *a)
{
    return (uint32_t)(a - actors);
}

void story_start(void)
{
    for (unsigned i = 1; i < actor_count; i++)
        host_machine_call(0, make_thread, &actors[i]);
}

static void check_now(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < actor_count; i++)
        CHECK(futex_check(actors[i].thread));
}

void story_run_until(double ms)
{
    ticks_t until = clock_ticks_at(at_ms(ms));
    CHECK_EQUAL(host_machine_run(UINT64_MAX, until), HOST_STOP_TIME);
    world_check(&task, 1);
    host_machine_call(0, check_now, NULL);
}

static void end_task(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < actor_count; i++)
        thread_unref(actors[i].thread);
    task_terminate(task, 0, false);
    task_unref(task);
}

void story_end(void)
{
    host_machine_call(0, end_task, NULL);
    world_wait_for_tasks();
    world_check_accounts();
}

void check_effective(const struct actor *a, unsigned wanted)
{
    unsigned now = sched_effective(a->thread);
    if (now != wanted)
        host_machine_fail("actor %u has priority %u, not %u", name_of(a), now, wanted);
}
