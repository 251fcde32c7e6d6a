/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads and tasks let be done to them by others: suspend, abort, look at and change
 * registers, describe, name, restrict. The message interface calls these; each takes a thread or
 * task on which the caller holds a reference, from any CPU, no lock held.
 *
 * Suspension stops user instructions, and nothing else: a wait goes on and may end, a message may be
 * handed over, but the thread runs again only when it is resumed.
 *
 * C1 THREAD_FLAG_SUSPEND is set <=> thread.suspend_count + task.suspend_count > 0, but that
 *    task_suspend() and task_resume() come to one thread after the other. A thread made meanwhile
 *    is suspended by its own count first and looks at the task's when that becomes 0.
 * C2 termination beats suspension: who is told to die is not held (S5).
 * C3 KERN_RETRY never reaches a program: it says that a CPU has to leave user mode first, or that a
 *    bounded piece is done. The trap lets others run and calls again, with the same `progress`,
 *    which is 0 at the first call, belongs to the calling thread, and is 0 again after every other
 *    result. No value of it can do harm.
 * C4 registers are looked at and changed while the thread is suspended and has left user mode. The TASK
 *    lock keeps it suspended, its run queue's lock keeps it parked, the lock of its wait queue keeps it
 *    waiting.
 *
 * KERN_TERMINATED: the thread has been told to die, or the task is ending.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>
#include <wharf/info.h>
#include <wharf/thread_state.h>

struct task;

/* ---- suspension; kernel/task/control.c ---- */

/** One suspension more. When it returns KERN_SUCCESS the thread executes no more user instructions,
 *  or it is the caller itself, which stops when its trap is done. KERN_OVERFLOW: the count stands at its
 *  highest; KERN_TERMINATED; KERN_RETRY (C3). */
kern_return_t thread_suspend(struct thread *thread, uint64_t *progress);
/** One less. KERN_FAILURE: it has none of its own; KERN_TERMINATED. */
kern_return_t thread_resume_count(struct thread *thread);
/** The same for all threads of a task, counted apart; threads made later are included. A task may
 *  suspend itself: the caller then stops with the others, at the latest when its trap is done. Abandoned in the
 *  middle (its caller dies), the count stays raised and some threads may still run: to suspend or
 *  resume the task once more puts that right. KERN_OVERFLOW, KERN_TERMINATED, KERN_RETRY (C3). */
kern_return_t task_suspend(struct task *task, uint64_t *progress);
/** KERN_FAILURE, KERN_TERMINATED, KERN_RETRY (C3). */
kern_return_t task_resume(struct task *task, uint64_t *progress);

/** Suspend the task once more, but for the current thread, should it be of that task; until task_let_go_on(), or the
 *  thread's end. One at a time. KERN_RETRY (C3), KERN_OVERFLOW, KERN_TERMINATED. */
kern_return_t task_stop_others(struct task *task, struct thread *self, uint64_t *progress);
/** KERN_RETRY (C3), KERN_TERMINATED. */
kern_return_t task_let_go_on(struct thread *self, uint64_t *progress);
/** The thread is being reaped. */
void task_end_stop(struct thread *self);

/* ---- abort ---- */

/**
 * Make a kernel call of the thread return. A wait ends: with KERN_ABORTED, MACH_SEND_INTERRUPTED
 * (nothing has been sent) or MACH_RCV_INTERRUPTED (the send part, if any, is done). Else, if the
 * thread is not on a CPU and in the midst of a trap that is done in pieces, the trap returns what
 * trap_aborted() says of the pieces done. A message that was handed to a suspended thread, which
 * has not seen it, goes back to its queue: MACH_RCV_INTERRUPTED.
 *      KERN_NOT_WAITING        neither: it executes user code or is about to, and nothing has
 *                              changed. No later wait is affected: who wants to be sure suspends it
 *                              first
 *      KERN_BUSY               in the midst of a trap that must be completed: memory is being
 *                              given to the task. It has to run on
 *      KERN_INVALID_ARGUMENT   the caller itself
 *      KERN_TERMINATED, KERN_RETRY (C3)
 * After KERN_SUCCESS or KERN_NOT_WAITING on a suspended thread its registers may be set. So a signal
 * is delivered: suspend, abort, get, set, resume.
 */
kern_return_t thread_abort(struct thread *thread);
/** The same, but a trap done in pieces is left alone (KERN_BUSY): what is ended can be called again
 *  without anything being done twice. */
kern_return_t thread_abort_safely(struct thread *thread);

/* ---- registers; kernel/task/state.c ---- */

/**
 * Copy a set of registers (THREAD_STATE_*) of a thread to `state` that is suspended, or waits for the answer to an exception
 * (kern/exception.h: E1; then all registers are there), which has room for
 * *size bytes, aligned to 8; *size becomes what was written. x0 to x18 of a waiting thread read as
 * zero: the wait's result is to come there.
 *      KERN_INVALID_VALUE      no such set on this machine
 *      KERN_INVALID_ARGUMENT   no room, or the caller itself
 *      KERN_BUSY               it is not suspended
 *      KERN_TERMINATED, KERN_RETRY (C3)
 */
kern_return_t thread_get_state(struct thread *thread, unsigned flavour, void *state, size_t *size);
/**
 * Set it. As above, and
 *      KERN_INVALID_ARGUMENT   `size` is not that of the set
 *      KERN_INVALID_ADDRESS    pc, sp or thread pointer is no user address, or pc not a multiple
 *                              of 4
 *      KERN_BUSY               it waits for something else than the answer to an exception, or is in the
 *                              midst of a trap: abort it first
 * Whatever is in `state`, the thread stays in user mode with interrupts on (wharf/thread_state.h).
 */
kern_return_t thread_set_state(struct thread *thread, unsigned flavour, const void *state,
                               size_t size);

/* ---- description; kernel/task/info.c ---- */

void thread_get_info(struct thread *thread, struct thread_info *info);
void task_get_info(struct task *task, struct task_info *info);
/** Nanoseconds that its threads used of CPUs: those that have ended, and at most `most` that live; *left: how many more do. */
uint64_t task_cpu_time(struct task *task, unsigned most, uint32_t *left);
/** Give it a name: `length` bytes, cut to what fits, of which all but printable ASCII become '?'. */
void thread_set_name(struct thread *thread, const char *name, size_t length);
void task_set_name(struct task *task, const char *name, size_t length);
/** Copy the name, with its 0, to a buffer of that size. */
void task_copy_name(struct task *task, char *buffer, size_t size);

/* ---- restrictions; kernel/task/info.c ---- */

/** Set the base priority. What others lend the thread comes on top and is not bounded.
 *  KERN_INVALID_ARGUMENT: not 1 to 255; KERN_DENIED: above its maximum. */
kern_return_t thread_set_priority(struct thread *thread, unsigned priority);
/** Lower the maximum; the base priority is lowered with it. `privileged`: it may be raised, too.
 *  KERN_INVALID_ARGUMENT, KERN_DENIED: it would be raised. */
kern_return_t thread_set_max_priority(struct thread *thread, unsigned maximum, bool privileged);
/** The same for threads that are made from here on: none is made above it (KERN_DENIED), and it becomes
 *  their maximum. */
kern_return_t task_set_max_priority(struct task *task, unsigned maximum, bool privileged);
/** When an essential task has ended, the machine restarts. Who may say so is the caller's business. */
void task_set_essential(struct task *task, bool essential);
/** For kernel/task/task.c: the task has ended. Does not return if it was essential. */
void task_check_essential(struct task *task, uint64_t status, bool crashed);

/** kernel/trap/: what a trap returns whose thread was in the midst of it, when it is aborted. The
 *  thread's progress is forgotten. */
uint64_t trap_aborted(struct thread *thread);
