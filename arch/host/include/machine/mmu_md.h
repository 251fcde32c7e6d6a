/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine's page tables behind arch/mmu.h. The geometry is AArch64's; the bits are
 * deliberately others, so that portable code that knows a bit does not pass its tests. An entry
 * also says at which height it stands: the walker refuses one that is out of place.
 *
 *   63 valid   62 table   56..57 height   48 young   49 run   50 wired   51 unmanaged   44..45 type
 * 40..42 protection 0..35 frame number
 *
 * TLB and table writes go through arch/host/mmu.c, which watches that the rules of arch/mmu.h are
 * kept.
 */
#pragma once

#include <kern/types.h>

#define ARCH_USER_ROOT_HEIGHT 2
#define ARCH_USER_VA_BITS     39
#define ARCH_USER_VA_END      (UINT64_C(1) << ARCH_USER_VA_BITS)

#define HOST_PTE_VALID  (UINT64_C(1) << 63)
#define HOST_PTE_TABLE  (UINT64_C(1) << 62)
#define HOST_PTE_FRAMES ((UINT64_C(1) << 36) - 1)

/** Physical addresses are below this. */
#define HOST_MEMORY_LIMIT (UINT64_C(64) << 30)

extern char *host_direct_map;  /* where physical address 0 would be; constant */
extern char *host_frame_table; /* constant */

/* mmu.c */
void host_pte_write(pte_t *slot, pte_t pte);
void host_pte_sync(void);
void host_tlb_begin(void);
void host_tlb_flush_page(unsigned asid, vaddr_t va, unsigned height);
void host_tlb_flush_walks(unsigned asid, vaddr_t va);
void host_tlb_flush_asid(unsigned asid);
void host_tlb_flush_all(void);
void host_tlb_end(void);
void host_mmu_activate(paddr_t root, unsigned asid);
void host_mmu_deactivate(void);

static inline bool arch_pte_is_valid(pte_t pte)
{
    return (pte & HOST_PTE_VALID) != 0;
}

static inline bool arch_pte_is_table(pte_t pte, unsigned height)
{
    return height > 0 && (pte & HOST_PTE_TABLE) != 0;
}

static inline paddr_t arch_pte_address(pte_t pte)
{
    return (pte & HOST_PTE_FRAMES) << PAGE_SHIFT;
}

static inline unsigned arch_pte_prot(pte_t pte)
{
    return (unsigned)(pte >> 40) & PROT_ALL;
}

static inline enum mem_type arch_pte_type(pte_t pte)
{
    return (enum mem_type)(pte >> 44 & 3);
}

static inline bool arch_pte_serves(pte_t pte, unsigned prot)
{
    return arch_pte_is_valid(pte) && (arch_pte_prot(pte) & prot) &&
           arch_pte_type(pte) == MEM_NORMAL;
}

static inline unsigned arch_pte_flags(pte_t pte)
{
    return (unsigned)(pte >> 48) & (PTE_YOUNG | PTE_RUN | PTE_WIRED | PTE_UNMANAGED);
}

static inline pte_t arch_pte_table(paddr_t table)
{
    return HOST_PTE_VALID | HOST_PTE_TABLE | table >> PAGE_SHIFT;
}

static inline pte_t arch_pte_leaf(paddr_t pa, unsigned prot, enum mem_type type, unsigned height,
                                  unsigned flags)
{
    return HOST_PTE_VALID | (uint64_t)height << 56 | (uint64_t)flags << 48 | (uint64_t)type << 44 |
           (uint64_t)prot << 40 | (pa >> PAGE_SHIFT & HOST_PTE_FRAMES);
}

static inline pte_t arch_pte_read(const pte_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static inline void arch_pte_write(pte_t *slot, pte_t pte)
{
    host_pte_write(slot, pte);
}

static inline void arch_pte_sync(void)
{
    host_pte_sync();
}

static inline void arch_tlb_begin(void)
{
    host_tlb_begin();
}

static inline void arch_tlb_flush_page(unsigned asid, vaddr_t va, unsigned height)
{
    host_tlb_flush_page(asid, va, height);
}

static inline void arch_tlb_flush_walks(unsigned asid, vaddr_t va)
{
    host_tlb_flush_walks(asid, va);
}

static inline void arch_tlb_flush_asid(unsigned asid)
{
    host_tlb_flush_asid(asid);
}

static inline void arch_tlb_flush_all(void)
{
    host_tlb_flush_all();
}

static inline void arch_tlb_end(void)
{
    host_tlb_end();
}

static inline void arch_mmu_activate(paddr_t root, unsigned asid)
{
    host_mmu_activate(root, asid);
}

static inline void arch_mmu_activate_noted(paddr_t root, unsigned asid, struct pmap **note,
                                           struct pmap *pmap)
{
    host_mmu_activate(root, asid);
    __atomic_store_n(note, pmap, __ATOMIC_RELEASE);
}

static inline void arch_mmu_deactivate(void)
{
    host_mmu_deactivate();
}

static inline void *phys_to_virt(paddr_t pa)
{
    return host_direct_map + pa;
}

static inline paddr_t virt_to_phys(const void *direct_map_address)
{
    return (paddr_t)((const char *)direct_map_address - host_direct_map);
}

static inline void *arch_frame_table(void)
{
    return host_frame_table;
}

/* It is left to who looks into the tables. */
static inline bool arch_mmu_was_old(uint64_t code)
{
    (void)code;
    return true;
}
