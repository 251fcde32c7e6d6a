/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two kinds of futexes share (kern/futex.h): a bucket, which is a tree of waiting threads.
 *
 * B1 the order is by key, then by wait.priority, the highest first, then by coming. Finding a waiter
 *    takes a time that grows with the logarithm of all waiters only, however a program chooses
 *    addresses that collide.
 */
#pragma once

#include <kern/futex.h>
#include <kern/spinlock.h>

struct bucket {
    struct spinlock lock;
    struct rb_tree waiters; /* B1; lock */
};

/* The bucket's lock is held for all of these. */
void bucket_link(struct bucket *bucket, struct thread *thread);
void bucket_unlink(struct bucket *bucket, struct thread *thread);
/** The first thread with this key; NULL: none. */
struct thread *bucket_first(const struct bucket *bucket, uint64_t key0, uint64_t key1);

/** Address and task of a word as key0. */
static inline uint64_t futex_key(const struct task *task)
{
    return (uint64_t)(uintptr_t)task;
}

/** The word's value is looked at with the lock held under which the waiters stand, so that a waker
 *  that changed the word comes after us. KERN_RETRY: another value; KERN_INVALID_ADDRESS. */
kern_return_t futex_compare(struct thread *self, vaddr_t address, uint32_t expected);

/* ---- kernel/task/futex_pi.c; the OWNED lock is held, but for the first ---- */

void futex_pi_lock(void);
void futex_pi_unlock(void);
void futex_pi_init(void);
bool futex_pi_is_lock(const struct spinlock *lock);
/** Change a queue: begin gives the owner it has, with the reference on it, and lets nobody lend; end
 *  takes the one it is to have, and the former one, which may be the same, and returns where the
 *  chain from the new one ends (NULL: nobody): to be given to sched_raise_servers() without locks. */
struct thread *futex_pi_begin(const struct task *task, vaddr_t address);
struct thread *futex_pi_end(const struct task *task, vaddr_t address, struct thread *owner,
                            struct thread *former);
/** Between the two: the thread, WAITING and in no queue's tree, waits there now. */
void futex_pi_join(struct thread *thread, vaddr_t address);
/** Take a thread out, whatever it waits for there. */
void futex_pi_unlink(struct thread *thread);
