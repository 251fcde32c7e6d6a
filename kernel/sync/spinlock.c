/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of spin locks that are not worth inlining: waiting, and pairs.
 */
#include <kern/panic.h>
#include <kern/spinlock.h>

void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket) {
        if (panic_breaks_locks()) /* the holder may never release it */
            return;
        arch_cpu_relax();
    }
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *low = (uintptr_t)a < (uintptr_t)b ? a : b;
    struct spinlock *high = low == a ? b : a;
    uint32_t old;

    assert_slow(a->rank == b->rank);
    spin_lock(low);
    if (low == high)
        return;
    /* As spin_lock(), but not checked against the rank of `low`, which it equals. */
    arch_sim_point();
    old = atomic_fetch_add_explicit(&high->word, UINT32_C(1) << 16, memory_order_acquire);
    if (unlikely((uint16_t)(old >> 16) != (uint16_t)old))
        spin_wait(high, (uint16_t)(old >> 16));
    lock_check_taken(high);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b)
        spin_unlock(b);
    spin_unlock(a);
}
