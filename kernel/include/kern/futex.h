/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hashed table of queues, by two words, to wait in (kern/wait.h): a task and an address in it.
 *
 * Beside it, queues for words that say who holds what is waited for: a futex with an owner. Who
 * waits in one lends its priority to the owner, and through it to the owner of the futex that one
 * waits for, at most FUTEX_HOPS threads away (kernel/task/futex_pi.c).
 *
 * F1 a thread's floor is the highest of its base priority and of what those in `donors` have in
 *    wait.priority.
 * F2 of the threads that wait in one futex with an owner only the first, the most urgent, lends: it
 *    names the owner in `lends_to`, holds a reference on it and stands among its donors. So a
 *    futex has an owner only while somebody waits in it.
 * F3 wait.priority of a thread that waits in such a futex is its effective priority, or what that was
 *    when it was last told of within FUTEX_HOPS.
 * F4 an owner that has ended stays written there, without effect, until the next thread says who
 *    the owner is or nobody waits any more.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

enum { FUTEX_HOPS = 8 };

/** Once, boot CPU. */
void futex_init(void);

/** The current thread waits while the word at `address` is `expected`, at most until `until`.
 *  Returns what the trap returns if it did not wait (KERN_RETRY, KERN_OPERATION_TIMED_OUT,
 *  KERN_INVALID_ADDRESS, KERN_ABORTED); on KERN_SUCCESS the thread waits now and the result comes
 *  with its wake-up. */
kern_return_t futex_wait(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until);

/** Wake at most `count` threads of `task` that wait at `address`, in the order they came. Returns
 *  how many. */
unsigned futex_wake(struct task *task, vaddr_t address, uint32_t count);

/** What futex_requeue() is to do; the words are different ones. */
struct futex_requeue {
    vaddr_t address, target;
    uint32_t expected;
    uint32_t wake, move;  /* at most so many */
    bool pi;              /* the target is a futex with an owner */
    struct thread *owner; /* pi: of the target from then on; reference held; NULL: nobody */
};

/**
 * One bounded piece of waking `wake` threads that wait at `address`, in the order they came, and moving
 * the next `move` of them to the queue of `target`, where they go on waiting. `*done`, 0 at first,
 * counts both; the word is compared before the first piece. True in `*more`: call again.
 * KERN_RETRY: the word is not as expected; KERN_INVALID_ADDRESS.
 */
kern_return_t futex_requeue(struct thread *self, const struct futex_requeue *what, uint64_t *done,
                            bool *more);

/* ---- futexes with owners; kernel/task/futex_pi.c ---- */

/** As futex_wait(), in the word's queue with an owner, which is `owner` from then on (NULL: nobody).
 *  Takes the caller's reference on it. */
kern_return_t futex_wait_pi(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until,
                            struct thread *owner);

/** Wake the most urgent thread that waits there, the longest waiting of equals; it is the owner for
 *  those that remain. False: nobody waits. */
bool futex_wake_pi(struct task *task, vaddr_t address);

/** The thread of the caller's task whose port has this name in the task's space, with a reference;
 *  NULL: there is none. */
struct thread *futex_owner_lookup(struct thread *self, uint32_t name);

/** Write the thread's base priority, work out its floor, and let those it lends to know. No lock of
 *  OWNED's rank or above is held. */
void futex_set_base(struct thread *thread, unsigned priority);
/** What others lend a thread, which may be gone already (T5), has been raised: let those know.
 *  Quick if it lends to nobody. */
void futex_raised(struct thread *thread);

/** Who owns what the thread waits for: its number; 0: nobody, or it is in no queue with an owner. The lock that wait_hold_still()
 *  gave is held. */
uint32_t futex_owner_of(const struct thread *waiter, const struct spinlock *lock);

/** Verify F1 to F3, but for the hops, of a thread's donors and its queue (slow; tests). */
bool futex_check(struct thread *thread);

/* ---- for kernel/task/wait.c, under the lock of the queue that the thread waits in ---- */

/** Take it off the queue. */
void futex_unlink(struct thread *thread, struct spinlock *lock);
