/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: who runs next on this CPU, and where a thread that became ready goes
 * (kern/sched.h: S1..S3).
 *
 * A thread's registers and FP state belong to the CPU it runs on until they are saved; that is done
 * before the thread becomes visible on a queue (in kern_schedule under the run queue's lock, in
 * sched_block before WAITING is published).
 *
 * Memory order: state WAITING is published before `flags` is looked at, and thread_terminate() sets
 * `flags` before it looks at `state`, both sequentially consistent: one of the two sees the other
 * (T3). So is RUNNING published before `flags` is looked at again. Who changes affinity or priority
 * writes it and then looks where the thread is queued; who queues it writes where and then looks at
 * both, under the queue's lock (S1, S2). The flags SUSPEND and TERMINATE follow that rule, too: who
 * queues a thread looks at them under the lock, and parks it under that lock; who changes them then
 * looks, under the lock of the thread's CPU, whether it is parked (S5).
 */
#include "turn.h"
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <kern/work.h>

struct cpu cpu_record[MAX_CPUS];
unsigned cpu_count = 1;

void sched_cpu_init(struct cpu *cpu, ticks_t since)
{
    spin_init(&cpu->run_queue.lock, LOCK_RUNQ);
    for (unsigned p = 0; p < PRIORITY_COUNT; p++)
        list_init(&cpu->run_queue.list[p]);
    cpu->run_queue.top = -1;
    deadline_cpu_init(cpu);
    cpu->alarm = TICKS_NEVER;
    cpu->turn_end = TICKS_NEVER;
    relaxed_store(cpu->turn_start, since);
    atomic_store(&cpu->idle, true);
}

void sched_kick(struct cpu *cpu)
{
    atomic_store(&cpu->reschedule, 1);
    if (cpu != arch_cpu_self()) {
        trace(TRACE_IPI, cpu->number, 1);
        arch_ipi_send(cpu);
    }
}

void sched_alarm_update(void)
{
    struct cpu *cpu = arch_cpu_self();
    ticks_t next = deadline_next();
    if (cpu->turn_end < next)
        next = cpu->turn_end;
    if (next != cpu->alarm) {
        cpu->alarm = next;
        arch_timer_arm(next);
    }
}

/* ---- where a ready thread goes ---- */

static bool has_nothing_to_do(const struct cpu *cpu)
{
    /* Idle with something queued: it is about to wake up. */
    return relaxed_load(cpu->idle) && relaxed_load(cpu->run_queue.count) == 0;
}

/* The CPU on whose queue a thread of `priority` best goes, among `allowed`: the one it ran on if
 * that one would run it at once (its caches are warm there), else any idle one, else the one that
 * does the least urgent thing. The reads are hints; whoever is chosen is checked again under its
 * lock. */
static struct cpu *choose_cpu(unsigned last, unsigned priority, uint64_t allowed)
{
    struct cpu *best = NULL;
    unsigned best_priority = PRIORITY_COUNT;
    if (cpu_count == 1)
        return &cpu_record[0];
    if (allowed >> last & 1) {
        best = &cpu_record[last];
        best_priority = relaxed_load(best->running_priority);
        if (best_priority < priority && has_nothing_to_do(best))
            return best;
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = &cpu_record[i];
        if (!(allowed >> i & 1) || !relaxed_load(cpu->online))
            continue;
        if (has_nothing_to_do(cpu))
            return cpu;
        unsigned running = relaxed_load(cpu->running_priority);
        if (!best || (best_priority >= priority && running < best_priority)) {
            best = cpu;
            best_priority = running;
        }
    }
    return best;
}

static inline bool may_run_on(struct thread *thread, const struct cpu *cpu)
{
    return atomic_load(&thread->affinity) >> cpu->number & 1;
}

/* Put it on that CPU's queue, whose lock is held and gets released, and see that it is noticed. */
static void insert_and_notice(struct cpu *cpu, struct runnable *r)
{
    runqueue_insert(&cpu->run_queue, r, false);
    /* Equal priority, too: a running turn without end gets an end now. */
    bool notice = r->priority >= relaxed_load(cpu->running_priority);
    spin_unlock(&cpu->run_queue.lock);
    if (notice)
        sched_kick(cpu);
}

enum placed { QUEUED, PARKED, NOT_HERE };

/* Queue a thread there, at the priority it has now, or park it (S5). NOT_HERE: it may not run there
 * (any more). */
static enum placed enqueue_on(struct cpu *cpu, struct thread *thread)
{
    struct runnable *r = &thread->runnable;
    spin_lock(&cpu->run_queue.lock);
    __atomic_store_n(&r->cpu, (uint8_t)cpu->number, __ATOMIC_SEQ_CST); /* order rule, see above */
    bool held = sched_is_held(thread);
    if (unlikely(held || !may_run_on(thread, cpu))) {
        if (held)
            atomic_store(&thread->state, THREAD_SUSPENDED);
        spin_unlock(&cpu->run_queue.lock);
        return held ? PARKED : NOT_HERE;
    }
    r->priority = (uint8_t)sched_effective(thread);
    insert_and_notice(cpu, r);
    return QUEUED;
}

/* A thread for the CPUs `allowed` has been queued on `here`, where something else runs: let a CPU
 * that is idle come and get it. A CPU that becomes idle finds the thread or is found here (S3):
 * it says so, then looks at the counts of queues; we have counted the thread and then look for
 * idle CPUs, all of it sequentially consistent. */
void sched_offer_to_idle(const struct cpu *here, uint64_t allowed)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = &cpu_record[i];
        if (cpu != here && (allowed >> i & 1) && relaxed_load(cpu->online) &&
            atomic_load(&cpu->idle)) {
            sched_kick(cpu);
            return;
        }
    }
}

void sched_ready(struct thread *thread)
{
    struct cpu *cpu;
    uint64_t allowed;
    enum placed placed;
    atomic_store(&thread->state, THREAD_READY);
    do {
        unsigned priority = sched_effective(thread);
        allowed = atomic_load(&thread->affinity);
        cpu = choose_cpu(thread->runnable.cpu, priority, allowed);
        trace(TRACE_SCHED_WAKE, thread->id, cpu->number);
    } while ((placed = enqueue_on(cpu, thread)) == NOT_HERE);
    /* The thread may be gone already. */
    if (cpu_count > 1 && placed == QUEUED && !relaxed_load(cpu->idle))
        sched_offer_to_idle(cpu, allowed);
}

void sched_enqueue_here(struct runnable *runnable)
{
    struct cpu *cpu = arch_cpu_self();
    spin_lock(&cpu->run_queue.lock);
    runnable->cpu = (uint8_t)cpu->number;
    insert_and_notice(cpu, runnable);
}

/* ---- the current thread stops ---- */

bool sched_block(struct thread *self)
{
    struct cpu *cpu = arch_cpu_self();
    charge(cpu, self, arch_counter());
    arch_thread_switch(&self->arch, NULL);
    atomic_store(&self->state, THREAD_WAITING);
    cpu->current = NULL;
    relaxed_store(cpu->reschedule, 1);
    if (atomic_load(&self->flags) & THREAD_FLAG_TERMINATE) {
        sched_unblock(self);
        return false;
    }
    return true;
}

void sched_unblock(struct thread *self)
{
    struct cpu *cpu = arch_cpu_self();
    cpu->current = self;
    arch_thread_switch(NULL, &self->arch);
    atomic_store(&self->state, THREAD_RUNNING);
    atomic_store(&cpu->reschedule, 1);
}

/* ---- who runs next ---- */

/* A thread that may run on `number` from another CPU's queue, taken off it; NULL if there is
 * none. Walks a bounded number of entries, the most urgent first. */
static struct thread *steal_from(struct cpu *victim, unsigned number)
{
    enum { LOOK_AT = 16 };
    struct run_queue *q = &victim->run_queue;
    struct thread *found = NULL;
    unsigned looked = 0;
    spin_lock(&q->lock);
    for (int word = PRIORITY_COUNT / 64 - 1; word >= 0 && !found; word--) {
        for (uint64_t bits = q->bitmap[word]; bits && !found && looked < LOOK_AT;) {
            unsigned bit = 63u - (unsigned)__builtin_clzll(bits);
            bits &= ~(UINT64_C(1) << bit);
            struct runnable *r;
            list_for_each(r, &q->list[(unsigned)word * 64 + bit], link) {
                struct thread *t = container_of(r, struct thread, runnable);
                if (r->kind == RUNNABLE_THREAD && may_run_on(t, &cpu_record[number])) {
                    runqueue_remove(q, r);
                    found = t;
                    break;
                }
                if (++looked >= LOOK_AT)
                    break;
            }
        }
    }
    spin_unlock(&q->lock);
    return found;
}

/* Nothing to do here: take something waiting elsewhere (S3). The CPU is marked idle already, so
 * what becomes ready from now on comes to us by itself. The thread found is put on our queue. */
static bool steal(struct cpu *cpu)
{
    for (unsigned i = 1; i < cpu_count; i++) {
        struct cpu *victim = &cpu_record[(cpu->number + i) % cpu_count];
        if (atomic_load(&victim->run_queue.count) == 0) /* order: sched_offer_to_idle() */
            continue;
        struct thread *thread = steal_from(victim, cpu->number);
        enum placed placed = thread ? enqueue_on(cpu, thread) : PARKED;
        if (placed == QUEUED)
            return true;
        if (placed == NOT_HERE)
            sched_ready(thread); /* its affinity changed while it was in our hands */
    }
    return false;
}

/* Run one step of a work item; no lock held, no address space active (its owner may be what is
 * torn down). */
static void run_work(struct runnable *runnable)
{
    struct work *work = container_of(runnable, struct work, runnable);
    trace(TRACE_SCHED_WORK, (uint64_t)(uintptr_t)work->step, 0);
    pmap_activate(NULL);
    work_run(work);
    if (arch_irq_pending())
        arch_irq_poll();
}

/* Something runs here from now on; the lock is held. */
static void end_idle(struct cpu *cpu, ticks_t now)
{
    if (relaxed_load(cpu->idle))
        cpu->idle_ticks += now - relaxed_load(cpu->turn_start);
    relaxed_store(cpu->idle, false);
    relaxed_store(cpu->turn_start, now);
}

static void become_idle(struct cpu *cpu)
{
    if (!relaxed_load(cpu->idle)) {
        relaxed_store(cpu->turn_start, arch_counter());
        trace(TRACE_SCHED_IDLE, 0, 0);
    }
    relaxed_store(cpu->running_priority, 0);
    atomic_store(&cpu->idle, true); /* order: sched_offer_to_idle() */
    cpu->turn_end = TICKS_NEVER;
}

/* What leaves the queue to run now; the lock is held. NULL: nothing is queued. */
static struct runnable *pick(struct cpu *cpu)
{
    if (cpu->run_queue.top < 0)
        return NULL;
    struct runnable *r = runqueue_first(&cpu->run_queue, (unsigned)cpu->run_queue.top);
    runqueue_remove(&cpu->run_queue, r);
    return r;
}

/* Out of line: nothing of it is loaded while tracing is off. */
void sched_trace_switch(const struct thread *prev, const struct thread *next)
{
    trace_record(TRACE_SCHED_SWITCH, prev ? prev->id : 0, next->id);
}

/* The thread stops running here for good: it dies, is held, waits for a handler of its exception, or may
 * not run on this CPU any more. No lock held. */
static void leave(struct cpu *cpu, struct thread *thread)
{
    if (exception_is_due(thread) && exception_continue(thread))
        return;
    arch_thread_switch(&thread->arch, NULL);
    cpu->current = NULL;
    /* MOVE goes before the affinity is looked at: a change after that sets it again. */
    if (atomic_fetch_and(&thread->flags, ~(uint32_t)THREAD_FLAG_MOVE) & THREAD_FLAG_TERMINATE)
        thread_reap(thread);
    else
        sched_ready(thread);
    /* Thousands may come here one after the other, when a task ends, and none of them gets to
     * user mode. */
    if (arch_irq_pending())
        arch_irq_poll();
}

/* The common case: the current thread goes on, or another thread takes over. The lock is held.
 * Returns who runs now, or NULL if it takes more: then the current thread has been put back and
 * nothing runs. */
static inline struct thread *choose_quickly(struct cpu *cpu, struct thread *prev, ticks_t now)
{
    struct run_queue *q = &cpu->run_queue;
    int priority = (int)sched_effective(prev);
    prev->runnable.priority = (uint8_t)priority;
    if (q->top < priority || (q->top == priority && relaxed_load(prev->context->left) > 0)) {
        set_turn(cpu, prev, now);
        return prev;
    }
    struct runnable *r = runqueue_first(q, (unsigned)q->top);
    if (unlikely(r->kind != RUNNABLE_THREAD)) {
        arch_thread_switch(&prev->arch, NULL);
        cpu->current = NULL;
        put_back(cpu, prev);
        return NULL;
    }
    if (q->top == priority) {
        relaxed_store(prev->state, THREAD_READY);
        runqueue_rotate(q, &prev->runnable, (unsigned)priority);
    } else {
        runqueue_remove(q, r);
        put_back(cpu, prev);
    }
    struct thread *next = container_of(r, struct thread, runnable);
    take_over(cpu, prev, next, now);
    return next;
}

/* More than one thread may have been sent to a CPU while it was idle: what it does not run goes
 * on; the lock is held. */
static void offer_rest(const struct cpu *cpu)
{
    if (cpu_count == 1 || cpu->run_queue.top < 0)
        return;
    struct runnable *r = runqueue_first(&cpu->run_queue, (unsigned)cpu->run_queue.top);
    if (r->kind == RUNNABLE_THREAD)
        sched_offer_to_idle(cpu, atomic_load(&container_of(r, struct thread, runnable)->affinity));
}

/* Nothing runs here: take what the queue has, do the work that comes before threads, or become
 * idle. */
[[gnu::noinline]] static void schedule_from_nothing(struct cpu *cpu)
{
    for (;;) {
        /* Before the queue is looked at: a later request is seen again. */
        relaxed_store(cpu->reschedule, 0);
        spin_lock(&cpu->run_queue.lock);
        struct runnable *r = pick(cpu);
        if (r && r->kind == RUNNABLE_THREAD) {
            struct thread *next = container_of(r, struct thread, runnable);
            end_idle(cpu, arch_counter());
            take_over(cpu, NULL, next, relaxed_load(cpu->turn_start));
            offer_rest(cpu);
            spin_unlock(&cpu->run_queue.lock);
            pmap_activate_user(cpu, next->pmap, next->pmap->active);
            alarm_for_turn(cpu);
            return;
        }
        if (r) {
            end_idle(
                cpu,
                arch_counter()); /* else threads would be sent here, to wait for the work's end */
            relaxed_store(cpu->running_priority, r->priority);
        } else {
            become_idle(cpu);
        }
        spin_unlock(&cpu->run_queue.lock);
        if (r) {
            run_work(r);
        } else if (!steal(cpu)) {
            pmap_activate(NULL);
            sched_alarm_update(); /* exactly: an idle CPU sleeps as long as it can */
            return;
        }
    }
}

/* Nothing is wanted of the current thread but that it is placed anew, and it may stay here: it keeps its turn, at
 * the priority it has now. MOVE goes before that and the affinity are looked at: a change after that sets it again.
 * The lock is held. */
static bool stays(struct cpu *cpu, struct thread *thread)
{
    uint32_t flags = atomic_fetch_and(&thread->flags, ~(uint32_t)THREAD_FLAG_MOVE);
    return (flags & THREAD_FLAGS_ASK) == THREAD_FLAG_MOVE && may_run_on(thread, cpu);
}

void kern_schedule(void)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *prev = cpu->current;
    assert_slow(lock_check_none_held());
    if (likely(prev)) {
        ticks_t now = arch_counter();
        charge(cpu, prev, now);
        /* Before the queue is looked at, and seen before the lock is free again: a later request
         * is seen again. */
        relaxed_store(cpu->reschedule, 0);
        spin_lock(&cpu->run_queue.lock);
        /* Under the lock: who changes its affinity either is seen here or finds where it has been
         * put. */
        if (unlikely(relaxed_load(prev->flags) & THREAD_FLAGS_ASK) && !stays(cpu, prev)) {
            spin_unlock(&cpu->run_queue.lock);
            leave(cpu, prev);
        } else {
            struct thread *next = choose_quickly(cpu, prev, now);
            spin_unlock(&cpu->run_queue.lock);
            if (likely(next)) {
                pmap_activate_user(cpu, next->pmap, next->pmap->active);
                alarm_for_turn(cpu);
                return;
            }
        }
    }
    schedule_from_nothing(cpu);
}
