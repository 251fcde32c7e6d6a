/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines: a function to be called on a CPU when the counter reaches a value. One ordered queue a
 * CPU; the CPU's alarm stands at the earliest entry (or the end of the running thread's quantum,
 * kernel/sched). Tickless.
 *
 * D1 an armed deadline is in exactly one CPU's queue, the one named in its `cpu`.
 * D2 the handler runs on that CPU, in the kernel, interrupts masked, no lock held, at or after the
 * time, once. After deadline_cancel() has returned true the handler does not run; false means it
 * has run, is running or never will.
 */
#pragma once

#include <kern/rbtree.h>
#include <kern/types.h>
#include <stdatomic.h>

struct deadline;
typedef void deadline_handler_t(struct deadline *deadline);

struct deadline {
    struct rb_node node;         /* TIMER lock of `cpu` */
    ticks_t when;                /* TIMER lock of `cpu` */
    deadline_handler_t *handler; /* constant while armed */
    _Atomic uint32_t cpu;        /* number of the CPU whose queue it is in + 1; 0: not armed */
};

void deadline_init(struct deadline *deadline, deadline_handler_t *handler);
/** Arm on this CPU. It must not be armed. */
void deadline_arm(struct deadline *deadline, ticks_t when);
bool deadline_cancel(struct deadline *deadline);

/** Per-CPU part, called by the boot and by kern_timer(). */
struct deadline_queue {
    struct rb_tree tree;  /* by `when`; TIMER lock */
    _Atomic ticks_t next; /* `when` of the first, else TICKS_NEVER; TIMER lock for writing */
    ticks_t pause;        /* no alarm before this: more was due than one batch. Own CPU */
};
struct cpu;
/** Prepare a CPU's queue and its lock. Before the CPU is online. */
void deadline_cpu_init(struct cpu *cpu);
/** Call the handlers of what is due, a bounded number of them, and set the alarm again (also if
 *  some are left). */
void deadline_run_expired(void);
/** When this CPU's alarm must ring for its deadlines: at the earliest of them, or, when there were
 *  too many at once, after a pause in which threads run (D1). TICKS_NEVER if there is none. */
ticks_t deadline_next(void);
