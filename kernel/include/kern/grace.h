/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods: what makes it safe to look something up without a lock. Who has made a piece of
 * memory unreachable hands it to grace_call() and gets it back when no CPU can be inside a look-up
 * that began before.
 *
 * The reader pays nothing, for the kernel runs with interrupts masked. It loads a pointer (acquire)
 * and uses what it points to, for as long as it does not come to a preemption point.
 *
 * G1 No pointer that was read without a lock is kept across a preemption point: the exit from the
 *    kernel, arch_irq_poll(), kern_schedule(), the end of a work item's step. So a CPU that takes
 *    an interrupt from another CPU, runs a step of a work item, is in user mode or idle holds none.
 *    Who wants to keep what it found locks it or takes a reference, and sees that it still is what
 *    it looked for, before that.
 * G2 `run` is called exactly once for each grace_call(), after every CPU that was online then has
 *    been in a state of G1. What such a CPU reads afterwards is no older than what the caller had
 *    written. A CPU that comes online later has read nothing yet.
 * G3 No CPU waits for another: each is asked by an interrupt, and the last one to take it starts
 *    the work item that goes on. On a CPU that runs something more urgent than PRIORITY_REAP
 *    that may be late, so memory in a grace period is no reserve to count on.
 *
 * kernel/sync/grace.c knows who waits for whom; kernel/irq/irq.c has the work item and the
 * interrupts.
 */
#pragma once

#include <kern/types.h>
#include <stdatomic.h>

/** Inside what waits, or in anything that lives as long. A reader may look at the memory around it,
 *  so it does not overlay what readers use. */
struct grace {
    struct grace *next;          /* this service's, until `run` is called */
    void (*run)(struct grace *); /* set by the caller of grace_call() */
};

/**
 * Have grace->run(grace) called after a grace period: as part of a work item, in no particular
 * order, no lock held, on any CPU. It does a bounded piece (below 1,000 instructions), may free
 * what holds `grace`, and may hand it in again for another piece. Cannot fail. Any context of the
 * kernel from sched_cpu_init() of the boot CPU on; locks of ranks below RUNQ may be held.
 */
void grace_call(struct grace *grace);

/** Everything handed in has been run; what `run` wrote is visible. For tests and reports: it may be
 *  different at once. */
bool grace_idle(void);

/* --- between kernel/irq/irq.c and kernel/sync/grace.c only --- */

/** CPUs that have been asked in the present period and have not answered, a bit each. Set by
 *  grace_advance() while it is 0; each CPU clears its own. */
extern _Atomic uint64_t grace_unanswered;

/** Take it in. True: it is the first, and the work item must be started. */
bool grace_add(struct grace *grace);

/** A bounded piece of the work, never on two CPUs at once, on a CPU that holds no pointer by G1.
 *  True: there is more. False: start it again after the next grace_add() or grace_answer() that
 *  says so. `*ask`: send these CPUs an interrupt, whether there is more or not. */
bool grace_advance(unsigned self, uint64_t *ask);

/** This CPU, which has been asked, holds no pointer by G1. True: it was the last one, and the work
 *  item must be started. */
bool grace_answer(unsigned self);

/** This CPU has been asked. Relaxed: if it misses that just now, the interrupt is still to come. */
static inline bool grace_asked(unsigned self)
{
    return atomic_load_explicit(&grace_unanswered, memory_order_relaxed) >> self & 1;
}
