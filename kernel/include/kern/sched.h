/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: 256 fixed priorities, 255 the most urgent, round robin within one, a queue a CPU.
 *
 * S1 A CPU never runs something while a more urgent runnable that may run there stands on its
 *    queue, except between an event and the next exit from the kernel (cpu->reschedule is set
 *    then).
 * S2 A thread is on one queue at most (T1), on a CPU its affinity allows.
 * S3 A CPU is idle only if its queue was empty and no other CPU's queue had something it may run,
 *    at that moment.
 * S6 A thread that owes an answer runs on the scheduling context that its caller lent: same quantum,
 *    account and payer. The loan ends with the caller's wait, which others can end at any time: it is
 *    looked at again whenever the context is used (sched_context_of(), kernel/sched/lend.c).
 * S5 A held thread (THREAD_FLAG_SUSPEND, but not told to die) runs no user code and is on no queue,
 *    but between the setting of the flag and the next time somebody would queue it or leave the
 *    kernel to it: then it is parked, SUSPENDED. Its wait goes on.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/thread.h>
#include <kern/types.h>

/** S4 A thread is scheduled by the higher one of its floor - its base priority, or that of a waiter
 *  for a futex it owns (kern/futex.h) - and of what callers that wait for its answer have lent. */
static inline unsigned sched_effective(struct thread *thread)
{
    unsigned own = relaxed_load(thread->floor), lent = relaxed_load(thread->inherited);
    return own > lent ? own : lent;
}

/** S5 */
static inline bool sched_is_held(struct thread *thread)
{
    return (atomic_load(&thread->flags) & (THREAD_FLAG_SUSPEND | THREAD_FLAG_TERMINATE)) ==
           THREAD_FLAG_SUSPEND;
}

/** Prepare this CPU's queue. Every CPU before it is online. It counts as idle since that moment of the counter. */
void sched_cpu_init(struct cpu *cpu, ticks_t since);

/** Put a thread that is not queued and not running on a queue: READY. Chooses the CPU, preempts or
 *  nudges it. A held thread is parked instead (S5). */
void sched_ready(struct thread *thread);

/**
 * `next`, which waited and is the caller's to wake, runs here at once if it may and is more urgent than what runs and
 * is ready: the current thread is put back, with its registers as they are. False: nothing has happened;
 * sched_ready() is to be called. No lock held.
 */
bool sched_run_now(struct thread *self, struct thread *next);
/** The same for what an interrupt at `now` has woken, which waits for no answer to anybody: it is made ready if it does not run at once. What runs, if
 *  anything, was interrupted in user mode. */
void sched_ready_from_interrupt(struct thread *next, ticks_t now);

/**
 * The current thread stops running: state WAITING. The caller has linked it on a queue and holds
 * that queue's lock, which it releases afterwards; wake-ups may come from then on. Returns false,
 * with the thread still running, if the thread has been told to die meanwhile: the caller then
 * takes it off the queue again. The trap's registers stay as they are: the caller clears them if
 * they shall read zero afterwards.
 */
bool sched_block(struct thread *self);
/** Undo of sched_block() by its caller, as long as nobody else can wake the thread. */
void sched_unblock(struct thread *self);

/**
 * The same for one who is linked on its queue already, whose lock is held, and that at most: whoever is ready and most urgent takes over at once; if nobody
 * is, nothing runs here. The caller then looks, under the queue's lock, whether the thread has been told to die meanwhile, for who told it so may have found
 * nothing to end: then it ends the wait (T3).
 */
void sched_stop(struct thread *self);
/** The same in favour of `next`, which waited and is the caller's to wake: it takes over if it may run here and nobody who is ready is as urgent. False: nothing
 *  has happened. */
bool sched_stop_for(struct thread *self, struct thread *next);

/** Change the set of CPUs a thread may run on; moves it if it must. KERN_INVALID_ARGUMENT if no
 *  CPU is left. */
kern_return_t sched_set_affinity(struct thread *thread, uint64_t cpus);

/** Queue a runnable on the current CPU (work items). */
void sched_enqueue_here(struct runnable *runnable);

/** The current thread, or one that waits and is the caller's to wake, owes `reply` from now on: lend it the
 *  context of the reply's owner (S6). */
void sched_borrow_context(struct thread *thread, struct reply *reply);

/** The context that the thread runs on: a loan that has ended is given up (S6). Own CPU. */
struct sched_context *sched_valid_context(struct thread *thread);

/** The same, with the common case at hand. */
static inline struct sched_context *sched_context_of(struct thread *thread)
{
    struct sched_context *context = thread->context;
    return likely(context == &thread->own_context) ? context : sched_valid_context(thread);
}

/** The current thread gives the rest of its turn away to those of its own priority. */
static inline void sched_give_way(struct thread *self)
{
    relaxed_store(sched_context_of(self)->left, 0);
    relaxed_store(arch_cpu_self()->reschedule, 1);
}

/** What a thread is scheduled by has changed: have it placed anew where it is queued or runs, or is being handed the
 *  processor. */
void sched_place_again(struct thread *thread);

/** A caller does not wait any more for what `thread` owes by `reply`: it is as urgent as it is by itself. */
void sched_loan_ended(struct thread *thread, const struct reply *reply);

/** A thread that waits for an answer has become more urgent: raise those who work for it (S4), along the
 *  chain of calls, 8 threads at most. */
void sched_raise_servers(struct thread *thread);

/** Ask `cpu` to call kern_schedule() soon. */
void sched_kick(struct cpu *cpu);

/** Change a thread's base priority. Takes effect at once, also where it runs or is queued. */
void sched_set_priority(struct thread *thread, unsigned priority);

/** Change the least priority a thread has (S4). Takes effect at once. For kernel/task/futex_pi.c, which
 *  holds the OWNED lock: only there a floor is written. */
void sched_set_floor(struct thread *thread, unsigned floor);

/** A caller that waits for what this thread does has this priority: the thread gets at least that until
 *  it waits for messages again. */
void sched_lend_priority(struct thread *thread, unsigned priority);

/** The thread is to die: from when it is next queued it is as urgent as what takes down what died. */
void sched_hasten_end(struct thread *thread);

/** The thread's flags SUSPEND or TERMINATE have been changed: park it if it is queued and held, queue it
 *  if it is parked and no longer held, have its CPU look if it runs. Exactly one of those who change
 *  the flags queues a parked thread. */
void sched_flags_changed(struct thread *thread);

/** The same, by a caller that has just stopped (sched_block()), on its CPU: if the thread is ready there, and the most urgent,
 *  it runs. */
void sched_hand_over(struct thread *server, unsigned priority);

/** The current thread is less or more urgent than it was, or runs on another context, and goes on: at once if nobody who
 *  is ready is as urgent, else that is decided on the way out (S1). */
void sched_settle(struct thread *self);

/** Keep a thread that is parked or queued where it is, so that its registers may be looked at or
 *  changed: the lock of the CPU returned is held until sched_let_go(). NULL: it runs, waits, is dead or on
 *  its way. */
struct cpu *sched_hold_still(struct thread *thread);
void sched_let_go(struct cpu *cpu);

/** Set this CPU's alarm to the earliest of its deadlines and the end of the running turn; called
 *  without locks. */
void sched_alarm_update(void);

/** How long a CPU has been idle, up to now, and how much runs or stands on its queue. Takes its lock. */
void sched_cpu_statistics(struct cpu *cpu, ticks_t *idle, uint32_t *runnable);

/** Verify S2, T1 of one CPU's queue (slow; takes its lock). */
bool sched_check(struct cpu *cpu);
