/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing what the scheduler knows of a thread while it may be anywhere: running, queued or
 * waiting; and the check of the queues.
 */
#include "turn.h"
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/sched.h>

/* Lock the queue of the CPU the thread is on or was on last, and tell whether it is on it. `cpu`
 * changes only under the lock of the new queue, before `queued`: looked at in the other order,
 * both are of one queue, or we try again. */
static struct cpu *lock_queue_of(struct thread *thread, bool *queued)
{
    for (;;) {
        uint8_t number = __atomic_load_n(&thread->runnable.cpu, __ATOMIC_SEQ_CST);
        struct cpu *cpu = &cpu_record[number];
        spin_lock(&cpu->run_queue.lock);
        *queued = __atomic_load_n(&thread->runnable.queued, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&thread->runnable.cpu, __ATOMIC_RELAXED) == number)
            return cpu;
        spin_unlock(&cpu->run_queue.lock);
    }
}

/* What the thread is scheduled by has been written. If it is queued, take it off and let sched_ready()
 * place it anew: always, or only if it must be parked (S5); if it is parked and need not be, the same.
 * Else nudge the CPU that runs it. */
static void place(struct thread *thread, bool always)
{
    bool queued;
    struct cpu *cpu = lock_queue_of(thread, &queued);
    bool held = sched_is_held(thread);
    bool parked = atomic_load(&thread->state) == THREAD_SUSPENDED;
    if (queued && (always || held))
        runqueue_remove(&cpu->run_queue, &thread->runnable);
    else
        queued = false;
    if (parked && !held) /* under the lock: nobody else does it, too */
        atomic_store(&thread->state, THREAD_READY);
    spin_unlock(&cpu->run_queue.lock);
    if (queued || (parked && !held))
        sched_ready(thread);
    else if (atomic_load(&thread->state) == THREAD_RUNNING)
        sched_kick(cpu);
}

/* A hand-over that is under way may have read the old values, and the thread be on no queue for us to see: it finds the
 * flag when it has published its state (order rule in sched.c). */
void sched_place_again(struct thread *thread)
{
    atomic_fetch_or(&thread->flags, THREAD_FLAG_MOVE);
    place(thread, true);
}

void sched_flags_changed(struct thread *thread)
{
    place(thread, false);
}

struct cpu *sched_hold_still(struct thread *thread)
{
    bool queued;
    struct cpu *cpu = lock_queue_of(thread, &queued);
    if (queued || atomic_load(&thread->state) == THREAD_SUSPENDED)
        return cpu;
    spin_unlock(&cpu->run_queue.lock);
    return NULL;
}

void sched_let_go(struct cpu *cpu)
{
    spin_unlock(&cpu->run_queue.lock);
}

void sched_set_priority(struct thread *thread, unsigned priority)
{
    futex_set_base(thread, priority);
}

void sched_set_floor(struct thread *thread, unsigned floor)
{
    if (atomic_load_explicit(&thread->floor, memory_order_relaxed) == floor)
        return;
    /* Before we look: order rule in sched.c. A raise counts at once, a drop when its CPU
     * reschedules. */
    atomic_store(&thread->floor, floor);
    sched_place_again(thread);
}

void sched_hasten_end(struct thread *thread)
{
    (void)raise_inherited(thread, PRIORITY_REAP);
}

void sched_lend_priority(struct thread *thread, unsigned priority)
{
    if (!raise_inherited(thread, priority))
        return;
    sched_place_again(thread);
    futex_raised(thread);
}

kern_return_t sched_set_affinity(struct thread *thread, uint64_t cpus)
{
    uint64_t online = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        online |= (uint64_t)atomic_load(&cpu_record[i].online) << i;
    if (!(cpus & online))
        return KERN_INVALID_ARGUMENT;
    atomic_fetch_or(&thread->flags, THREAD_FLAG_BOUND);
    atomic_store(&thread->affinity, cpus & online); /* before we look: order rule in sched.c */
    sched_place_again(thread);
    return KERN_SUCCESS;
}

void sched_cpu_statistics(struct cpu *cpu, ticks_t *idle, uint32_t *runnable)
{
    spin_lock(&cpu->run_queue.lock);
    const bool is_idle = relaxed_load(cpu->idle);
    const ticks_t now = arch_counter(), since = relaxed_load(cpu->turn_start);
    *idle = cpu->idle_ticks + (is_idle && now > since ? now - since : 0);
    *runnable = relaxed_load(cpu->run_queue.count) + !is_idle;
    spin_unlock(&cpu->run_queue.lock);
}

bool sched_check(struct cpu *cpu)
{
    struct run_queue *q = &cpu->run_queue;
    unsigned count = 0;
    bool ok = true;
    spin_lock(&q->lock);
    for (unsigned p = 0; p < PRIORITY_COUNT; p++) {
        struct runnable *r;
        ok = ok && list_is_empty(&q->list[p]) == !(q->bitmap[p / 64] >> (p % 64) & 1);
        list_for_each(r, &q->list[p], link) {
            struct thread *t = container_of(r, struct thread, runnable);
            ok = ok && r->queued && r->priority == p && r->cpu == cpu->number;
            if (r->kind == RUNNABLE_THREAD) /* T1, S2 */
                ok = ok && atomic_load(&t->state) == THREAD_READY &&
                     (atomic_load(&t->affinity) >> cpu->number & 1);
            count++;
        }
    }
    ok = ok && count == q->count && q->top == runqueue_find_top(q);
    spin_unlock(&q->lock);
    return ok;
}
