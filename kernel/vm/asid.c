/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space identifiers, and the switch from one address space to another.
 *
 * A pmap gets a number at its creation and keeps it until it is destroyed, so switching to it is
 * one register write. A machine has 65,536 numbers, or 256; pmaps beyond that share one number, and
 * pay for it with a flush at each switch.
 *
 * S1 a number other than ASID_SHARED tags the translations of one pmap at most.
 * S2 a number is free only if no TLB holds a translation with it: it is flushed everywhere when its
 *    pmap goes.
 * S3 a CPU's TLB holds translations with ASID_SHARED only of the pmap that it has active, or had
 *    active last: it flushes that number, while no user tables are active, before it goes to a pmap
 *    that shares it.
 *
 * Changes of tables flush by the pmap's number on all CPUs, the shared one too: that takes the
 * sharers' entries with it, which costs them a walk and nothing else.
 */
#include "pmap_impl.h"

enum {
    ASID_MAX = 1 << 16,
    ASID_NONE = 0 /* arch's own */,
    ASID_SHARED = PMAP_ASID_SHARED,
    ASID_FIRST = 2
};

static struct spinlock asid_lock = SPINLOCK_INIT(LOCK_ASID);
static uint32_t asid_next = ASID_FIRST;   /* where to look for a free number; ASID lock */
static uint64_t asid_used[ASID_MAX / 64]; /* bit set: a pmap has the number; ASID lock */

/* A free number in [from, to); 0: none. */
static unsigned find_free(unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n = (n | 63) + 1) {
        uint64_t candidates = ~asid_used[n / 64] & (~UINT64_C(0) << n % 64);
        if (candidates == 0)
            continue;
        n = n / 64 * 64 + (unsigned)__builtin_ctzll(candidates);
        return n < to ? n : 0;
    }
    return 0;
}

unsigned asid_alloc(void)
{
    unsigned count = arch_asid_count();
    spin_lock(&asid_lock);
    unsigned number = find_free(asid_next, count);
    if (number == 0)
        number = find_free(ASID_FIRST, asid_next);
    if (number != 0) {
        asid_used[number / 64] |= UINT64_C(1) << number % 64;
        asid_next = number + 1 < count ? number + 1 : ASID_FIRST;
    }
    spin_unlock(&asid_lock);
    return number != 0 ? number : ASID_SHARED;
}

void asid_free(unsigned number)
{
    if (number == ASID_SHARED)
        return;
    arch_tlb_begin();
    arch_tlb_flush_asid(number); /* S2 */
    arch_tlb_end();
    spin_lock(&asid_lock);
    asid_used[number / 64] &= ~(UINT64_C(1) << number % 64);
    spin_unlock(&asid_lock);
}

/* S3. Broadcast, because the contract has no local form; this is the path of machines with more
 * tasks than numbers. */
static void flush_shared(void)
{
    arch_mmu_deactivate();
    arch_tlb_begin();
    arch_tlb_flush_asid(ASID_SHARED);
    arch_tlb_end();
}

void pmap_switch(struct pmap *pmap)
{
    if (pmap == NULL) {
        arch_mmu_deactivate();
    } else {
        if (pmap->asid == ASID_SHARED)
            flush_shared();
        arch_mmu_activate(pmap->root, pmap->asid);
    }
    __atomic_store_n(&arch_cpu_self()->pmap, pmap, __ATOMIC_RELEASE);
}

bool pmap_is_active(const struct pmap *pmap)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (__atomic_load_n(&cpu_record[i].pmap, __ATOMIC_ACQUIRE) == pmap)
            return true;
    return false;
}
