/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the simulated MMU.
 *
 * mmu.c        walker, TLBs, user accesses
 * mmu_flush.c  entry writes and broadcast maintenance, and the watch over the rules of arch/mmu.h
 * mmu_check.c  what a test asks for: are the TLBs still right; figures
 *
 * M1 host_tlb[n] is guarded by its lock, also against its own CPU: a flush comes from anywhere. A
 *    simulated access holds it until the data has been moved, as a real flush waits for accesses
 *    that use the old translation.
 * M2 host_own[n] belongs to whatever runs as CPU n.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <machine/host_machine.h>
#include <machine/host_mmu.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LEAVES = 32, WALKS = 12, PENDING = 128, HINTS = 64 };

#define RUN_SIZE (PAGE_SIZE * PT_RUN)

struct leaf {
    bool valid;
    unsigned asid, prot;
    enum mem_type type;
    paddr_t root; /* whose tables it came from */
    vaddr_t va;
    uint64_t span; /* what this entry translates; a page of a run, or all of it */
    uint64_t size; /* of the leaf or run in the tables */
    paddr_t pa;
};

struct walk {
    bool valid;
    unsigned asid, height; /* of the table it leads to */
    paddr_t root, table;
    vaddr_t va;
};

struct tlb {
    pthread_mutex_t lock;
    bool active;
    unsigned asid;
    paddr_t root;
    uint64_t random;
    struct leaf leaf[LEAVES];
    struct walk walk[WALKS];
};
extern struct tlb host_tlb[MAX_CPUS];

enum flush_kind { FLUSH_PAGE, FLUSH_WALKS, FLUSH_ASID, FLUSH_ALL };

struct flush {
    enum flush_kind kind;
    unsigned asid, height;
    vaddr_t va;
};

struct own {
    uint64_t random;
    bool flushing; /* between begin and end */
    bool written;  /* an entry was written since begin */
    bool unsynced; /* a new entry was written since the last arch_pte_sync() */
    unsigned pending;
    struct flush flush[PENDING];
};
extern struct own host_own[MAX_CPUS];

/* Figures of struct host_mmu_statistics. */
extern _Atomic uint64_t host_mmu_flushes, host_mmu_fills, host_mmu_speculative;
extern _Atomic uint64_t host_mmu_kinds[FLUSH_ALL + 1];

[[gnu::noreturn, gnu::format(printf, 1, 2)]] void host_mmu_fail(const char *format, ...);

static inline void host_mmu_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline uint64_t span_of(unsigned height)
{
    return PAGE_SIZE << (9 * height);
}

static inline bool leaf_covers(const struct leaf *leaf, unsigned asid, vaddr_t va)
{
    return leaf->valid && leaf->asid == asid && va - leaf->va < leaf->span;
}

/** Entry for va in the table of this height at `table`. */
pte_t host_mmu_entry(paddr_t table, vaddr_t va, unsigned height);
/** The translation an entry stands for. */
enum host_fault host_mmu_leaf(pte_t pte, vaddr_t va, unsigned height, struct leaf *out);
/** Now and then: some CPU walks somewhere without being asked. */
void host_mmu_speculate(void);
