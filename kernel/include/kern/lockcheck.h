/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock-order and hold-time checks of debug builds: each CPU keeps the stack of locks it holds. In
 * release builds (CONFIG_SLOW_CHECKS == 0) the calls compile to nothing. (kernel/sync/lockcheck.c)
 */
#pragma once

#include <kern/types.h>

struct spinlock;

enum { LOCK_CHECK_DEPTH = 8 };

struct lock_check {
    uint32_t depth; /* locks held by this CPU */
    struct {
        const struct spinlock *lock;
        ticks_t since;
    } held[LOCK_CHECK_DEPTH];
    ticks_t longest;                   /* longest hold so far */
    const struct spinlock *longest_of; /* and whose */
};

void lock_check_before_slow(const struct spinlock *lock);
void lock_check_taken_slow(const struct spinlock *lock);
void lock_check_release_slow(const struct spinlock *lock);

static inline void lock_check_before(const struct spinlock *lock)
{
    if (CONFIG_SLOW_CHECKS)
        lock_check_before_slow(lock);
}

static inline void lock_check_taken(const struct spinlock *lock)
{
    if (CONFIG_SLOW_CHECKS)
        lock_check_taken_slow(lock);
}

static inline void lock_check_release(const struct spinlock *lock)
{
    if (CONFIG_SLOW_CHECKS)
        lock_check_release_slow(lock);
}

/** No lock is held by this CPU: asserted on the way out of the kernel. Always true in release
 *  builds. */
bool lock_check_none_held(void);
/** Print the locks this CPU holds (panic). */
void lock_check_print(void);
