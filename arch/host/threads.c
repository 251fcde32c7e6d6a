/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver with host threads: every simulated CPU is one, so that the host's scheduler and
 * ThreadSanitizer see the kernel's code run at the same time.
 *
 * Virtual time moves with what CPUs do, and to the next alarm when all of them are idle. CPUs that
 * have nothing to do wait on one condition; nothing is polled.
 *
 * L1 `state` and `wake` of a CPU change under the machine lock.
 * L2 `next_wake` is at most the wake of every idle CPU: who moves time beyond it wakes them.
 */
#include "machine.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct host_machine *const m = &host_machine;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; /* with the machine lock */
static _Atomic ticks_t next_wake;                         /* L2 */
static bool frozen; /* all rest and the controller looks at them: nobody gets up. Machine lock */

/* By number: the C library's function has the name of one of the kernel's. */
static void let_others_run(void)
{
    syscall(SYS_sched_yield);
}

static void lock(void)
{
    pthread_mutex_lock(&m->lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&m->lock);
}

static void wake_all(void)
{
    lock();
    pthread_cond_broadcast(&changed);
    unlock();
}

/* Let `distance` pass. Relaxed: time must not order what the kernel does not order. */
static void move_time(ticks_t distance)
{
    ticks_t now = atomic_fetch_add_explicit(&m->now, distance, memory_order_relaxed) + distance;
    if (now >= atomic_load_explicit(&next_wake, memory_order_relaxed)) {
        atomic_store_explicit(&next_wake, TICKS_NEVER, memory_order_relaxed);
        wake_all(); /* those who go on waiting say again until when */
    }
}

static void threads_sim_point(struct host_cpu *cpu)
{
    if ((host_random(&cpu->random) & 255) == 0)
        let_others_run();
}

static void threads_relax(struct host_cpu *cpu)
{
    cpu->spins++;
    move_time(1);
    let_others_run();
}

/* Machine lock held. A CPU that waits though it has something to do (an alarm that came due
 * meanwhile) is woken. */
static bool all_at_rest(void)
{
    bool running = false, due = false;
    for (unsigned i = 0; i < m->config.cpus; i++) {
        const struct host_cpu *cpu = &m->cpu[i];
        running = running || cpu->state == CPU_RUN;
        due = due || ((cpu->state == CPU_SLEEP || cpu->state == CPU_PARKED) &&
                      host_cpu_has_event(cpu, ~0u));
    }
    if (due)
        pthread_cond_broadcast(&changed);
    return !running && !due;
}

/* All are idle and not asked to rest: time goes to the first alarm. Machine lock held. */
static void pass_time(void)
{
    ticks_t next = TICKS_NEVER, limit = atomic_load(&m->time_limit);
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpu[i].state == CPU_SLEEP && m->cpu[i].wake < next)
            next = m->cpu[i].wake;
    if (next > limit || next == TICKS_NEVER)
        host_ask_stop(next > limit ? HOST_STOP_TIME : HOST_STOP_QUIET);
    else if (next > atomic_load(&m->now))
        atomic_store(&m->now, next);
}

/* Wait in `state` until an event, `until`, or, when parked, until the controller lets go. Machine
 * lock held. */
static void rest(struct host_cpu *cpu, enum host_cpu_state state, ticks_t until)
{
    cpu->wake = until;
    while (frozen || !host_cpu_has_event(cpu, ~0u)) {
        cpu->state = state; /* again: the controller may have called us running */
        if (frozen) {
            pthread_cond_wait(&changed, &m->lock);
            continue;
        }
        bool draining = atomic_load(&m->draining);
        if (!draining && (state == CPU_PARKED || until <= atomic_load(&m->now)))
            break;
        ticks_t alarm = atomic_load(&cpu->alarm), first = until < alarm ? until : alarm;
        if (first < atomic_load(&next_wake))
            atomic_store(&next_wake, first);
        if (all_at_rest()) {
            if (!draining)
                pass_time();
            pthread_cond_broadcast(&changed);
            if (!draining)
                continue;
        }
        pthread_cond_wait(&changed, &m->lock);
    }
    cpu->state = CPU_RUN;
}

static void threads_boundary(struct host_cpu *cpu)
{
    move_time(1 + (host_random(&cpu->random) & 7));
    if (atomic_load_explicit(&m->now, memory_order_relaxed) >= atomic_load(&m->time_limit))
        host_ask_stop(HOST_STOP_TIME);
    if (!atomic_load_explicit(&m->draining, memory_order_relaxed) || host_cpu_has_event(cpu, ~0u))
        return;
    lock();
    rest(cpu, CPU_PARKED, TICKS_NEVER);
    unlock();
}

static void threads_wait(struct host_cpu *cpu, ticks_t until, bool idle)
{
    if (idle) {
        lock();
        rest(cpu, CPU_SLEEP, until);
        unlock();
        return;
    }
    ticks_t now = atomic_load_explicit(&m->now, memory_order_relaxed);
    ticks_t left = until > now ? until - now : 0;
    move_time(left < 512 ? left : 512);
}

static void threads_kick(struct host_cpu *cpu)
{
    (void)cpu;
    wake_all();
}

static void threads_leave(struct host_cpu *cpu)
{
    lock();
    cpu->state = CPU_HALTED;
    pthread_cond_broadcast(&changed);
    unlock();
    pthread_exit(NULL);
}

static void *thread_main(void *argument)
{
    struct host_cpu *cpu = argument;
    host_this = cpu;
    host_self = cpu->record;
    host_on_cpu = true;
    host_cpu_main(cpu);
}

static void threads_start_cpu(struct host_cpu *cpu)
{
    lock();
    cpu->state = CPU_RUN;
    unlock();
    if (pthread_create(&cpu->thread, NULL, thread_main, cpu) != 0)
        host_machine_fail("no host thread for cpu %u", cpu->index);
}

static enum host_stop threads_run(void)
{
    lock();
    frozen = false;
    atomic_store(&next_wake, 0);
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpu[i].state == CPU_PARKED && !atomic_load(&m->draining))
            m->cpu[i].state = CPU_RUN; /* not at rest from now on, though it has yet to wake up */
    pthread_cond_broadcast(&changed);
    while (!atomic_load(&m->draining) || !all_at_rest())
        pthread_cond_wait(&changed, &m->lock);
    frozen = true;
    unlock();
    return atomic_load(&m->stop);
}

static void threads_end(void)
{
    lock();
    frozen = false;
    unlock();
    for (unsigned i = 0; i < m->config.cpus; i++) {
        lock();
        bool started = m->cpu[i].state != CPU_OFF;
        unlock();
        if (!started)
            continue;
        host_post_event(&m->cpu[i], EVENT_HALT);
        pthread_join(m->cpu[i].thread, NULL);
    }
}

const struct host_driver host_threads_driver = {
    .start_cpu = threads_start_cpu,
    .sim_point = threads_sim_point,
    .relax = threads_relax,
    .boundary = threads_boundary,
    .wait = threads_wait,
    .kick = threads_kick,
    .leave = threads_leave,
    .run = threads_run,
    .end = threads_end,
};
