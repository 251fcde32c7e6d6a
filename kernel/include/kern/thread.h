/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads. A thread is its user registers, what it waits for, and the scheduling context it runs on. There is no kernel
 * stack and no kernel context: a thread in the kernel is either being worked for by the CPU right now, or it waits and
 * its wait record says everything (D1).
 *
 *      thread_create           thread_resume            scheduler               trap that waits
 *   (none) ------> SUSPENDED ---------------> READY <---------------> RUNNING ------------------> WAITING
 *                                               ^                        |                           |
 *                                               +------------------------|---- wake, deadline, abort +
 *                                                                        v
 *                                        any state -- thread_terminate -> DEAD (reaped by a work item)
 *
 * T1 READY <=> on exactly one run queue.  T2 RUNNING <=> cpu->current of exactly one CPU.
 * T3 WAITING <=> linked on the wait queue in `wait`; its deadline may be armed.
 * T4 a thread holds one reference on its task; the task's list holds one on the thread until it is reaped.
 */
#pragma once

#include <arch/thread.h>
#include <kern/deadline.h>
#include <kern/list.h>
#include <kern/sched_types.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdatomic.h>

struct task;

enum thread_state { THREAD_SUSPENDED, THREAD_READY, THREAD_RUNNING, THREAD_WAITING, THREAD_DEAD };

enum thread_flags {
    THREAD_FLAG_TERMINATE = 1, /* must die at its next chance; set by any CPU */
    THREAD_FLAG_YIELD = 2,     /* gives the rest of its turn away; own CPU */
};

/** What a waiting thread waits for. Written before it is queued, read by whoever wakes it. */
struct wait_record {
    struct list link;          /* on the queue; lock of the queue */
    struct spinlock *queue_lock; /* guards the queue it is on; NULL: waits for nothing but its deadline. THREAD lock */
    uint64_t key[2];           /* meaning is the queue's (futex: task, address) */
    struct deadline deadline;  /* armed if the wait has one */
    kern_return_t result;      /* what the wait ended with; set by the one who ends it */
};

struct thread {
    struct arch_thread arch;        /* first: the entry code saves registers here */
    struct runnable runnable;       /* RUNQ lock */
    _Atomic uint32_t state;         /* enum thread_state; RUNQ lock of runnable.cpu, except WAITING -> READY: see sched.c */
    _Atomic uint32_t flags;         /* enum thread_flags */
    _Atomic uint32_t references;
    uint32_t id;                    /* unique for the life of the system, for reports and trace; constant */
    uint64_t affinity;              /* bit n: may run on CPU n; RUNQ lock */
    struct sched_context *context;  /* it runs on; RUNQ lock */
    struct sched_context own_context; /* the one it was born with */
    struct task *task;              /* constant; reference held */
    struct list task_link;          /* on task->threads; TASK lock */
    struct spinlock lock;           /* rank THREAD; guards wait as a whole */
    struct wait_record wait;
    uint64_t exit_status;           /* handed over by thread_exit; TASK lock */
};

/** New thread in `task`, SUSPENDED, charged to the task's ledger (THREADS, KMEM). One reference for the caller.
 *  KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_INVALID_TASK (the task is dying). */
kern_return_t thread_create(struct task *task, vaddr_t entry, vaddr_t sp, uint64_t arg, unsigned priority,
                            struct thread **out);
/** SUSPENDED -> READY. */
void thread_resume(struct thread *thread);
/** Ask the thread to die: it does at its next return to user mode, at once if it waits. Any CPU. */
void thread_terminate(struct thread *thread);
/** The current thread dies: never returns to user mode; the caller returns to arch. */
void thread_exit_current(struct thread *self);
void thread_ref(struct thread *thread);
void thread_unref(struct thread *thread);
