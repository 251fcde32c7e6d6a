/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space identifiers, and the switch from one address space to another.
 *
 * A pmap's `asid` is a number with the generation it was given in (high bits). Numbers of the present generation are
 * unique. When they are used up a new generation begins (rollover): all pmaps' numbers are void, but for those that CPUs
 * have active; these keep theirs. Each CPU flushes before it uses a number of the new generation that it did not use
 * before, i.e. the first time it comes to asid_assign() in that generation.
 *
 * S1 cpu_asid[n].active is the ASID word CPU n last switched to, or 0 after a rollover: the next switch of that CPU
 *    fails its compare-and-swap and goes to asid_assign(). Written by CPU n, and by the rollover.
 * S2 cpu_asid[n].kept is what CPU n had active at the rollover. ASID lock.
 * S3 while a pmap is active on some CPU its number does not change.
 *
 * Flushing: a pmap's number is read after arch_tlb_begin(), when no walker can find the old entry any more; a CPU that
 * takes a new number makes it visible (arch_pte_sync()) before it lets its walker loose. So either the flush is for the
 * new number, or the walker found the new entry.
 */
#include "pmap_impl.h"
#include <stdalign.h>

enum { ASID_BITS = 16, ASID_MAX = 1 << ASID_BITS };

#define ASID_NOBODY (UINT64_C(1) << 63) /* active: no address space; its number is 0 */

static struct spinlock asid_lock = SPINLOCK_INIT(LOCK_ASID);
static _Atomic uint64_t asid_generation;  /* ASID lock to write */
static uint32_t asid_next;                /* where to look for a free number; ASID lock */
static uint64_t asid_used[ASID_MAX / 64]; /* numbers of this generation; ASID lock */

static struct {
    alignas(64) _Atomic uint64_t active; /* S1 */
    uint64_t kept;                       /* S2 */
    bool flush;                          /* flush at the next asid_assign(); ASID lock */
} cpu_asid[MAX_CPUS];

void asid_init(void)
{
    atomic_store_explicit(&asid_generation, UINT64_C(1) << ASID_BITS, memory_order_relaxed);
    for (unsigned i = 0; i < array_count(asid_used); i++)
        asid_used[i] = 0;
    asid_used[0] = 1; /* number 0 is arch's own */
    asid_next = 1;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        atomic_store_explicit(&cpu_asid[i].active, ASID_NOBODY, memory_order_relaxed);
        cpu_asid[i].kept = 0;
        cpu_asid[i].flush = false;
    }
}

static void asid_mark(uint64_t asid)
{
    unsigned number = asid % ASID_MAX;
    asid_used[number / 64] |= UINT64_C(1) << number % 64;
}

/** A free number at or after asid_next; 0 if there is none. */
static unsigned asid_find(void)
{
    unsigned count = arch_asid_count();
    for (unsigned n = asid_next; n < count; n = (n | 63) + 1) {
        uint64_t free = ~asid_used[n / 64] & (~UINT64_C(0) << n % 64);
        if (free == 0)
            continue;
        n = n / 64 * 64 + (unsigned)__builtin_ctzll(free);
        return n < count ? n : 0;
    }
    return 0;
}

static void asid_rollover(void)
{
    uint64_t generation = atomic_load_explicit(&asid_generation, memory_order_relaxed);
    atomic_store_explicit(&asid_generation, generation + ASID_MAX, memory_order_relaxed);
    for (unsigned i = 0; i < array_count(asid_used); i++)
        asid_used[i] = 0;
    asid_used[0] = 1;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        uint64_t active = atomic_exchange_explicit(&cpu_asid[i].active, 0, memory_order_relaxed);
        if (active != 0)
            cpu_asid[i].kept = active;
        asid_mark(cpu_asid[i].kept);
        cpu_asid[i].flush = true;
    }
    asid_next = 1;
}

/** If a CPU has kept the pmap's number through a rollover, renew it (for all that have). */
static bool asid_renew(uint64_t old, uint64_t new)
{
    bool found = false;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        if (cpu_asid[i].kept == old && old != 0) {
            cpu_asid[i].kept = new;
            found = true;
        }
    }
    return found;
}

static uint64_t asid_choose(uint64_t old)
{
    uint64_t generation = atomic_load_explicit(&asid_generation, memory_order_relaxed);
    uint64_t renewed = generation | old % ASID_MAX;
    if (old != 0 && asid_renew(old, renewed))
        return renewed;
    unsigned number = asid_find();
    if (number == 0) {
        asid_rollover();
        generation = atomic_load_explicit(&asid_generation, memory_order_relaxed);
        renewed = generation | old % ASID_MAX;
        if (old != 0 && asid_renew(old, renewed))
            return renewed;
        number = asid_find();
        assert(number != 0); /* machines have more numbers than CPUs */
    }
    asid_next = number + 1;
    return generation | number;
}

/** The slow way: this CPU has to do with a new generation, or the pmap has no number of this one. */
[[gnu::noinline, gnu::cold]] static uint64_t asid_assign(struct pmap *pmap, unsigned cpu)
{
    spin_lock(&asid_lock);
    uint64_t asid = atomic_load_explicit(&pmap->asid, memory_order_relaxed);
    uint64_t generation = atomic_load_explicit(&asid_generation, memory_order_relaxed);
    if ((asid ^ generation) >> ASID_BITS != 0) {
        asid = asid_choose(asid);
        asid_mark(asid);
        atomic_store_explicit(&pmap->asid, asid, memory_order_relaxed);
        arch_pte_sync();
    }
    if (cpu_asid[cpu].flush) {
        cpu_asid[cpu].flush = false;
        arch_tlb_begin();
        arch_tlb_flush_all();
        arch_tlb_end();
    }
    atomic_store_explicit(&cpu_asid[cpu].active, asid, memory_order_relaxed);
    spin_unlock(&asid_lock);
    return asid;
}

/** No address space: the number this CPU had is not kept through a rollover. */
static void asid_leave(unsigned cpu)
{
    uint64_t active = atomic_load_explicit(&cpu_asid[cpu].active, memory_order_relaxed);
    if (active != 0)
        (void)atomic_compare_exchange_strong_explicit(&cpu_asid[cpu].active, &active, ASID_NOBODY,
                                                      memory_order_relaxed, memory_order_relaxed);
}

void pmap_switch(struct pmap *pmap)
{
    struct cpu *cpu = arch_cpu_self();
    if (pmap == NULL) {
        arch_mmu_deactivate();
        asid_leave(cpu->number);
        __atomic_store_n(&cpu->pmap, NULL,
                         __ATOMIC_RELEASE); /* after the hardware has left: pmap_is_active() */
        return;
    }
    uint64_t asid = atomic_load_explicit(&pmap->asid, memory_order_relaxed);
    uint64_t generation = atomic_load_explicit(&asid_generation, memory_order_relaxed);
    uint64_t active = atomic_load_explicit(&cpu_asid[cpu->number].active, memory_order_relaxed);
    if (unlikely((asid ^ generation) >> ASID_BITS != 0 || active == 0 ||
                 !atomic_compare_exchange_strong_explicit(&cpu_asid[cpu->number].active, &active,
                                                          asid, memory_order_relaxed,
                                                          memory_order_relaxed)))
        asid = asid_assign(pmap, cpu->number);
    arch_mmu_activate(pmap->root, (unsigned)(asid % ASID_MAX));
    __atomic_store_n(&cpu->pmap, pmap, __ATOMIC_RELEASE);
}

bool pmap_is_active(const struct pmap *pmap)
{
    /* pmap_switch() stores the new pmap after the hardware has left the old one. */
    for (unsigned i = 0; i < cpu_count; i++)
        if (__atomic_load_n(&cpu_record[i].pmap, __ATOMIC_ACQUIRE) == pmap)
            return true;
    return false;
}
