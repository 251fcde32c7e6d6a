/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock order and hold times, for debug builds. Each CPU keeps the list of the locks it holds.
 *
 * A lock may be waited for only if its rank is above that of every lock the CPU holds.
 * spin_trylock() does not wait and is not checked; spin_lock_pair() checks its first lock only. A
 * violation is a panic at once, whether or not it would have led to a deadlock this time.
 *
 * Hold times are recorded, not judged: on an emulated CPU time passes while it does not run. The
 * locks of log and console do not count, for a console is as slow as its wire.
 */
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/spinlock.h>

static const char *rank_name(uint32_t rank)
{
    switch (rank) {
#define LOCK_RANK(symbol, number, what) \
    case number:                        \
        return #symbol;
#include <kern/lockrank.def>
#undef LOCK_RANK
    default: return "no rank";
    }
}

void lock_check_before_slow(const struct spinlock *lock)
{
    const struct lock_check *check = &arch_cpu_self()->lock_check;

    for (uint32_t i = 0; i < check->depth; i++) {
        const struct spinlock *held = check->held[i].lock;

        if (lock->rank <= held->rank && !panic_breaks_locks())
            panic("lock order: %s lock %p wanted while %s lock %p is held", rank_name(lock->rank),
                  (const void *)lock, rank_name(held->rank), (const void *)held);
    }
}

void lock_check_taken_slow(const struct spinlock *lock)
{
    struct lock_check *check = &arch_cpu_self()->lock_check;

    if (check->depth == LOCK_CHECK_DEPTH) {
        if (!panic_breaks_locks())
            panic("lock order: more than %d locks held", LOCK_CHECK_DEPTH);
        return;
    }
    check->held[check->depth].lock = lock;
    check->held[check->depth].since = arch_counter();
    check->depth++;
}

void lock_check_release_slow(const struct spinlock *lock)
{
    struct lock_check *check = &arch_cpu_self()->lock_check;
    uint32_t i = check->depth;
    ticks_t time;

    while (i > 0 && check->held[i - 1].lock != lock)
        i--;
    if (i == 0) {
        if (!panic_breaks_locks())
            panic("lock order: %s lock %p released but not held", rank_name(lock->rank),
                  (const void *)lock);
        return;
    }
    time = arch_counter() - check->held[i - 1].since;
    if (time > check->longest && lock->rank < LOCK_LOG) {
        check->longest = time;
        check->longest_of = lock;
    }
    for (check->depth--; i <= check->depth; i++)
        check->held[i - 1] = check->held[i];
}

bool lock_check_none_held(void)
{
    return !CONFIG_SLOW_CHECKS || arch_cpu_self()->lock_check.depth == 0;
}

void lock_check_print(void)
{
    const struct lock_check *check = &arch_cpu_self()->lock_check;

    for (uint32_t i = 0; i < check->depth; i++)
        log_error("lock: %s lock %p held", rank_name(check->held[i].lock->rank),
                  (const void *)check->held[i].lock);
    if (check->longest_of != NULL)
        log_error("lock: longest hold here %llu ticks, of %s lock %p",
                  (unsigned long long)check->longest, rank_name(check->longest_of->rank),
                  (const void *)check->longest_of);
}
