/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns: how one ends and the next begins, for those files of the scheduler that give a CPU from one thread to
 * another.
 */
#pragma once

#include "runqueue.h"
#include <arch/thread.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/sched.h>
#include <kern/trace.h>

/* ---- sched.c ---- */
/** A thread for the CPUs `allowed` has been queued on `here`, where something else runs: an idle CPU comes and gets
 *  it, if there is one. */
void sched_offer_to_idle(const struct cpu *here, uint64_t allowed);
/** The event of a switch. */
void sched_trace_switch(const struct thread *prev, const struct thread *next);

/** The thread pays for the time since its turn began, or since it paid last. */
static inline void charge(struct cpu *cpu, struct thread *thread, ticks_t now)
{
    struct sched_context *context = sched_context_of(thread);
    ticks_t used = now - relaxed_load(cpu->turn_start);
    relaxed_store(cpu->turn_start, now);
    ticks_t left =
        relaxed_load(context->left); /* its owner may run again, here and there for a moment (S6) */
    relaxed_store(context->left, used < left ? left - used : 0);
    relaxed_store(context->consumed, relaxed_load(context->consumed) + used);
}

/* A turn begins or goes on; the lock is held. S1, tickless: it ends by the clock only if somebody
 * of the same priority waits for it. */
static inline void set_turn(struct cpu *cpu, struct thread *thread, ticks_t now)
{
    struct sched_context *context = sched_context_of(thread);
    ticks_t left = relaxed_load(context->left);
    if (left == 0)
        relaxed_store(context->left, left = context->quantum);
    bool contended = cpu->run_queue.top == thread->runnable.priority;
    cpu->turn_end = contended ? now + left : TICKS_NEVER;
    relaxed_store(cpu->running_priority, thread->runnable.priority);
}

/* The thread whose turn has begun takes the CPU; the lock is held. `prev` is who had it, or NULL. */
static inline void switch_to(struct cpu *cpu, struct thread *prev, struct thread *next)
{
    atomic_store(&next->state, THREAD_RUNNING);
    if (unlikely(atomic_load(&next->flags) & THREAD_FLAGS_ASK)) /* must leave again at once */
        relaxed_store(cpu->reschedule, 1);
    if (unlikely(trace_is_on(TRACE_SCHED_SWITCH)))
        sched_trace_switch(prev, next);
    arch_thread_switch(prev ? &prev->arch : NULL, &next->arch);
    cpu->current = next;
}

static inline void take_over(struct cpu *cpu, struct thread *prev, struct thread *next, ticks_t now)
{
    set_turn(cpu, next, now);
    switch_to(cpu, prev, next);
}

/* The alarm only ever moves nearer here: one that rings too early sets itself anew, and that
 * happens once a quantum at most, while switches are many. */
static inline void alarm_for_turn(struct cpu *cpu)
{
    if (cpu->turn_end < cpu->alarm) {
        cpu->alarm = cpu->turn_end;
        arch_timer_arm(cpu->turn_end);
    }
}

/* Put the thread that something more urgent takes the CPU from back; the lock is held. The rest
 * of a turn is used up first. */
static inline void put_back(struct cpu *cpu, struct thread *prev)
{
    relaxed_store(prev->state, THREAD_READY);
    runqueue_insert(&cpu->run_queue, &prev->runnable, relaxed_load(prev->context->left) > 0);
    if (cpu_count > 1)
        sched_offer_to_idle(cpu, atomic_load(&prev->affinity));
}

/* The thread has been lent this much. True: it is more urgent now. */
static inline bool raise_inherited(struct thread *thread, unsigned priority)
{
    uint32_t old = atomic_load(&thread->inherited);
    do
        if (old >= priority)
            return false;
    while (!atomic_compare_exchange_weak(&thread->inherited, &old, priority));
    return atomic_load(&thread->floor) < priority;
}
