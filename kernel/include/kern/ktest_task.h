/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What self-tests of tasks and threads share (kernel/debug/settle.c, kernel/sched/sched_ktest.c). A
 * test runs where the boot does, with nothing to run: it may call the scheduler itself. A thread it
 * makes current is not entered; it stays in the test's hands as long as its affinity keeps it on
 * this CPU.
 */
#pragma once

#include <kern/task.h>
#include <kern/thread.h>

/** Call the scheduler until nothing asks for it any more, five seconds at most. Returns the thread
 *  that runs now. */
struct thread *ktest_settle(void);

/** Let everything that was begun come to its end: work items, what dead ports left, grace periods; five
 *  seconds at most, and that is a failure of the test. Nothing is left to run then. */
void ktest_rest(void);

/** New thread of `task`, suspended, bound to CPU `cpu`, with a turn that does not end by itself.
 *  NULL: could not be made. */
struct thread *ktest_thread(struct task *task, unsigned cpu, unsigned priority);

/** End a task from outside and see it gone: the caller's reference is dropped, too. */
void ktest_end_task(struct task *task);
