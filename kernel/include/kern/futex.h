/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hashed table of queues, by two words, to wait in (kern/wait.h). Users wait on (task, address); a
 * sleeper waits on (thread, 0), where nobody wakes but its deadline.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

/** Once, boot CPU. */
void futex_init(void);

/** The current thread waits while the word at `address` is `expected`, at most until `until`.
 *  Returns what the trap returns if it did not wait (KERN_RETRY, KERN_OPERATION_TIMED_OUT,
 *  KERN_INVALID_ADDRESS, KERN_ABORTED); on KERN_SUCCESS the thread waits now and the result comes
 *  with its wake-up. */
kern_return_t futex_wait(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until);

/** The current thread waits until the moment only. As above. */
kern_return_t futex_sleep(struct thread *self, ticks_t until);

/** Wake at most `count` threads of `task` that wait at `address`, in the order they came. Returns
 *  how many. */
unsigned futex_wake(struct task *task, vaddr_t address, uint32_t count);

/** For kernel/task/wait.c, under the bucket's lock: the thread, which waits in that bucket, is a sleeper;
 *  take it off the bucket. */
bool futex_is_sleeper(const struct thread *thread);
void futex_unlink(struct thread *thread, struct spinlock *lock);
