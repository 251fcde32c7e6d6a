/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of spin locks on one CPU: what they say of themselves, pairs, and the tickets' wrap.
 * Contention is tested by tests/host/lib and by programs on several CPUs.
 */
#include <kern/ktest.h>
#include <kern/spinlock.h>

KTEST(lock_held_or_not)
{
    struct spinlock lock = SPINLOCK_INIT(LOCK_MAP);

    KTEST_EXPECT(!spin_is_held(&lock));
    for (unsigned i = 0; i < 70000; i++) { /* tickets are 16 bits */
        spin_lock(&lock);
        spin_unlock(&lock);
    }
    spin_lock(&lock);
    KTEST_EXPECT(spin_is_held(&lock) && !spin_trylock(&lock));
    spin_unlock(&lock);
    KTEST_EXPECT(!spin_is_held(&lock) && spin_trylock(&lock) && spin_is_held(&lock) &&
                 !spin_trylock(&lock));
    spin_unlock(&lock);
    KTEST_EXPECT(!spin_is_held(&lock) && lock_check_none_held());
}

KTEST(lock_pairs_in_either_order)
{
    struct spinlock lock[2] = {SPINLOCK_INIT(LOCK_MAP), SPINLOCK_INIT(LOCK_MAP)};

    for (unsigned i = 0; i < 4; i++) {
        struct spinlock *a = &lock[i / 2], *b = &lock[i % 2];
        spin_lock_pair(a, b);
        KTEST_EXPECT(spin_is_held(a) && spin_is_held(b));
        KTEST_EXPECT(a != b || !spin_is_held(&lock[1 - i / 2]));
        spin_unlock_pair(b, a);
        KTEST_EXPECT(!spin_is_held(&lock[0]) && !spin_is_held(&lock[1]) && lock_check_none_held());
    }
}
