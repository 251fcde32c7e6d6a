/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU goes from one thread to another that is known: what sched_ready() or sched_place_again() and kern_schedule() would
 * do one after the other, without the run queue between them.
 */
#include "turn.h"
#include <arch/cpu.h>
#include <kern/futex.h>
#include <kern/pmap.h>
#include <kern/thread.h>

/* Where its caches are warm; what ran elsewhere, choose_cpu() finds a place for. Priority and affinity are looked at once:
 * what changes them from here on sets a flag of `next`, which take_over() looks at. */
static inline bool belongs_here(const struct cpu *cpu, struct thread *next)
{
    return next->runnable.cpu == cpu->number && !relaxed_load(next->flags) &&
           (relaxed_load(next->affinity) >> cpu->number & 1);
}

bool sched_run_now(struct thread *self, struct thread *next)
{
    struct cpu *cpu = arch_cpu_self();
    unsigned priority = sched_effective(next);
    if (priority <= relaxed_load(cpu->running_priority) || !belongs_here(cpu, next))
        return false;
    ticks_t now = arch_counter();
    spin_lock(&cpu->run_queue.lock);
    /* Under the lock, as in kern_schedule(). Those who were ready first, and are as urgent, run first. */
    if (unlikely(relaxed_load(self->flags) || cpu->run_queue.top >= (int)priority)) {
        spin_unlock(&cpu->run_queue.lock);
        return false;
    }
    charge(cpu, self, now);
    self->runnable.priority = (uint8_t)sched_effective(self);
    put_back(cpu, self);
    next->runnable.priority = (uint8_t)priority;
    __atomic_store_n(&next->runnable.cpu, (uint8_t)cpu->number,
                     __ATOMIC_SEQ_CST); /* order rule of sched.c */
    take_over(cpu, self, next, now);
    spin_unlock(&cpu->run_queue.lock);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    alarm_for_turn(cpu);
    return true;
}

/* The current thread is found to wait from here on, its registers saved. The queue's lock is held. */
static inline void publish_wait(struct cpu *cpu, struct thread *self, struct thread *next,
                                ticks_t now)
{
    charge(cpu, self, now);
    take_over(cpu, self, next, now);
    atomic_store(&self->state, THREAD_WAITING); /* T3 */
}

bool sched_stop_for(struct thread *self, struct thread *next)
{
    struct cpu *cpu = arch_cpu_self();
    unsigned priority = sched_effective(next);
    if (!belongs_here(cpu, next))
        return false;
    ticks_t now = arch_counter();
    spin_lock(&cpu->run_queue.lock);
    if (unlikely(cpu->run_queue.top >= (int)priority)) {
        spin_unlock(&cpu->run_queue.lock);
        return false;
    }
    next->runnable.priority = (uint8_t)priority;
    __atomic_store_n(&next->runnable.cpu, (uint8_t)cpu->number,
                     __ATOMIC_SEQ_CST); /* order rule of sched.c */
    publish_wait(cpu, self, next, now);
    spin_unlock(&cpu->run_queue.lock);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    alarm_for_turn(cpu);
    return true;
}

/* The first of the queue takes over from the current thread, which waits from then on. False: there is none, or it is no thread. */
static bool first_takes_over(struct cpu *cpu, struct thread *self)
{
    struct run_queue *q = &cpu->run_queue;
    struct runnable *r = NULL;
    /* As in kern_schedule(): before the queue is looked at, so that a later request is seen again. */
    relaxed_store(cpu->reschedule, 0);
    spin_lock(&q->lock);
    if (likely(q->top >= 0))
        r = runqueue_first(q, (unsigned)q->top);
    if (unlikely(!r || r->kind != RUNNABLE_THREAD)) {
        spin_unlock(&q->lock);
        return false;
    }
    struct thread *next = container_of(r, struct thread, runnable);
    runqueue_remove(q, r);
    publish_wait(cpu, self, next, arch_counter());
    spin_unlock(&q->lock);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    alarm_for_turn(cpu);
    return true;
}

void sched_stop(struct thread *self)
{
    struct cpu *cpu = arch_cpu_self();
    if (likely(first_takes_over(cpu, self)))
        return;
    charge(cpu, self, arch_counter());
    arch_thread_switch(&self->arch, NULL);
    cpu->current = NULL;
    relaxed_store(cpu->reschedule, 1);
    atomic_store(&self->state, THREAD_WAITING); /* T3 */
}

/* Nobody that is ready is as urgent, so that it ends when the thread stops. Who was lent to meanwhile may be: then it is looked once more.
 * The lock is held. */
static inline void begin_turn(struct cpu *cpu, struct thread *next, unsigned priority)
{
    struct sched_context *context = sched_context_of(next);
    if (unlikely(relaxed_load(context->left) == 0))
        relaxed_store(context->left, context->quantum);
    if (unlikely(cpu->run_queue.top >= (int)priority))
        relaxed_store(cpu->reschedule, 1);
    cpu->turn_end = TICKS_NEVER;
    relaxed_store(cpu->running_priority, priority);
}

void sched_ready_from_interrupt(struct thread *next, ticks_t now)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    unsigned priority = relaxed_load(next->floor); /* S4: nobody waits for it */
    if (unlikely(!self || priority <= relaxed_load(cpu->running_priority) ||
                 !belongs_here(cpu, next))) {
        sched_ready(next);
        return;
    }
    spin_lock(&cpu->run_queue.lock);
    if (unlikely(relaxed_load(self->flags) || cpu->run_queue.top >= (int)priority)) {
        spin_unlock(&cpu->run_queue.lock);
        sched_ready(next);
        return;
    }
    charge(cpu, self, now);
    self->runnable.priority = (uint8_t)sched_effective(self);
    put_back(cpu, self);
    next->runnable.priority = (uint8_t)priority;
    begin_turn(cpu, next, priority);
    switch_to(cpu, self, next);
    spin_unlock(&cpu->run_queue.lock);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
}

/* The thread is ready and nothing speaks against its running here: it leaves the queue, to run or, if somebody else is as
 * urgent, to be queued anew at the urgency it has now. The lock is held. */
static bool take_from_queue(struct cpu *cpu, struct thread *thread)
{
    struct runnable *r = &thread->runnable;
    struct run_queue *q = &cpu->run_queue;
    /* In this order: it may be on another CPU's queue, or come onto one now (lock_queue_of() in attributes.c). */
    if (unlikely(!__atomic_load_n(&r->queued, __ATOMIC_ACQUIRE) ||
                 __atomic_load_n(&r->cpu, __ATOMIC_RELAXED) != cpu->number ||
                 relaxed_load(thread->flags) ||
                 !(relaxed_load(thread->affinity) >> cpu->number & 1)))
        return false;
    runqueue_remove(q, r);
    r->priority = (uint8_t)sched_effective(thread);
    if (likely(q->top < r->priority))
        return true;
    runqueue_insert(q, r, false);
    return false;
}

/* It runs in the place of the thread that has just stopped here. False: it does not. */
static bool run_instead(struct cpu *cpu, struct thread *thread)
{
    /* As in kern_schedule(): before the queue is looked at, so that a later request is seen again. */
    relaxed_store(cpu->reschedule, 0);
    spin_lock(&cpu->run_queue.lock);
    bool here = take_from_queue(cpu, thread);
    if (likely(here))
        take_over(cpu, NULL, thread,
                  relaxed_load(cpu->turn_start)); /* when the one before stopped */
    spin_unlock(&cpu->run_queue.lock);
    if (unlikely(!here))
        return false;
    pmap_activate_user(cpu, thread->pmap, thread->pmap->active);
    alarm_for_turn(cpu);
    return true;
}

void sched_hand_over(struct thread *server, unsigned priority)
{
    struct cpu *cpu = arch_cpu_self();
    if (unlikely(!raise_inherited(server, priority)) || likely(run_instead(cpu, server)))
        return;
    relaxed_store(cpu->reschedule, 1);
    sched_place_again(server);
    futex_raised(server);
}

void sched_settle(struct thread *self)
{
    struct cpu *cpu = arch_cpu_self();
    unsigned priority = sched_effective(self);
    ticks_t now = arch_counter();
    spin_lock(&cpu->run_queue.lock);
    /* Under the lock: who queues something more urgent either is seen here or sees what runs here now. */
    if (likely(cpu->run_queue.top < (int)priority)) {
        charge(cpu, self, now);
        self->runnable.priority = (uint8_t)priority;
        set_turn(cpu, self, now);
    } else {
        relaxed_store(cpu->reschedule, 1);
    }
    spin_unlock(&cpu->run_queue.lock);
}
