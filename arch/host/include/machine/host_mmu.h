/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated MMU and physical memory, as tests see them.
 *
 * Every CPU has a TLB: a small fully associative array with random replacement, of leaf
 * translations (a page, a whole run, or 2 MiB) and of pointers to tables ("walks"), all tagged with
 * an ASID. It is filled by accesses and, at random, by walks nobody asked for, as hardware may: at
 * each entry write, each flush, each access. Random numbers come from the seed. Broadcast flushes
 * take effect at arch_tlb_end().
 *
 * Found, with a message and abort(): a valid entry replaced by one of another address, size or type
 * while a TLB still holds the old one (R1); a new entry used without arch_pte_sync() (R2); flushes
 * outside begin/end, or of entries written after begin (R3); one ASID for two address spaces; an
 * entry out of place. host_mmu_check() finds what is stale.
 */
#pragma once

#include <kern/types.h>
#include <stddef.h>

/** Machine with `asids` ASIDs (0: 256), empty TLBs, nothing active. */
void host_mmu_reset(uint64_t seed, unsigned asids);

enum host_fault {
    HOST_FAULT_NONE,
    HOST_FAULT_TRANSLATION, /* nothing mapped, or no address space */
    HOST_FAULT_ACCESS_FLAG, /* not young */
    HOST_FAULT_PERMISSION,
};

/**
 * What user code on `cpu` does: read (PROT_READ), fetch (PROT_EXECUTE) or write (PROT_WRITE) n
 * bytes within one page. Words are single-copy atomic when aligned. The buffer is read or written
 * only if there is no fault.
 */
enum host_fault host_user_access(unsigned cpu, vaddr_t va, unsigned access, void *buffer, size_t n);

/** An address worth walking to without being asked. Addresses of accesses are remembered by
 *  themselves. */
void host_mmu_hint(vaddr_t va);

/** While no call of pmap is under way: no TLB grants what the tables do not (P4), no walk leads to
 *  a table that is no longer there. Aborts with a message otherwise. */
void host_mmu_check(void);

/** Called, if set, with the message before abort(). */
extern void (*host_mmu_on_failure)(const char *message);

struct host_mmu_statistics {
    uint64_t flushes; /* begin .. end */
    uint64_t pages, walks, asids, all;
    uint64_t fills, speculative;
};
void host_mmu_statistics(struct host_mmu_statistics *out);

/* --- physical memory --- */

/** There is RAM at [start, start + size), page aligned, below HOST_MEMORY_LIMIT; reads zero.
 *  Elsewhere touching faults. */
void host_memory_add_bank(paddr_t start, uint64_t size);
