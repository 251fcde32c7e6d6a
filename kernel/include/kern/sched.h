/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: 256 fixed priorities, 255 the most urgent, round robin within one, a queue a CPU.
 *
 * S1 A CPU never runs something while a more urgent runnable that may run there stands on its queue, except between an
 *    event and the next exit from the kernel (cpu->reschedule is set then).
 * S2 A thread is on one queue at most (T1), on a CPU its affinity allows.
 * S3 A CPU is idle only if its queue was empty and no other CPU's queue had something it may run, at that moment.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/thread.h>
#include <kern/types.h>

/** Prepare this CPU's queue. Every CPU before it is online. */
void sched_cpu_init(struct cpu *cpu);

/** Put a thread that is not queued and not running on a queue: READY. Chooses the CPU, preempts or nudges it. */
void sched_ready(struct thread *thread);

/**
 * The current thread stops running: state WAITING. The caller has linked it on a queue whose lock it holds, or relies on
 * the deadline only. Wake-ups may come from that moment on. The caller then returns to arch, which calls kern_schedule().
 */
void sched_block(struct thread *self);

/** End a wait: the thread must be WAITING and the caller the one who took it off its queue. */
void sched_wake(struct thread *thread, kern_return_t result);

/** The current thread gives the rest of its turn away to those of its own priority. */
void sched_yield(struct thread *self);

/** Change the set of CPUs a thread may run on; moves it if it must. KERN_INVALID_ARGUMENT if no CPU is left. */
kern_return_t sched_set_affinity(struct thread *thread, uint64_t cpus);

/** Queue a runnable on the current CPU (work items). */
void sched_enqueue_here(struct runnable *runnable);

/** Ask `cpu` to call kern_schedule() soon. */
void sched_kick(struct cpu *cpu);
