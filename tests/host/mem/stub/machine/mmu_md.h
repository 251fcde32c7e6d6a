/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the MMU contract that the memory allocators use; page tables are stated but do
 * nothing. See stub.h.
 */
#pragma once

#include <kern/types.h>

#define ARCH_USER_ROOT_HEIGHT 2
#define ARCH_USER_VA_END      (UINT64_C(1) << 39)

void *stub_phys_to_virt(paddr_t pa);
paddr_t stub_virt_to_phys(const void *va);
extern char *stub_frame_table;

static inline void *phys_to_virt(paddr_t pa)
{
    return stub_phys_to_virt(pa);
}

static inline paddr_t virt_to_phys(const void *va)
{
    return stub_virt_to_phys(va);
}

static inline void *arch_frame_table(void)
{
    return stub_frame_table;
}

/* Not used by kernel/mem; defined because the contract declares them static. */
static inline bool arch_pte_is_valid(pte_t pte)
{
    return pte != 0;
}
static inline bool arch_pte_is_table(pte_t pte, unsigned height)
{
    return pte != 0 && height > 0;
}
static inline paddr_t arch_pte_address(pte_t pte)
{
    return pte;
}
static inline unsigned arch_pte_prot(pte_t pte)
{
    return (unsigned)pte;
}
static inline enum mem_type arch_pte_type(pte_t pte)
{
    return (enum mem_type)pte;
}
static inline bool arch_pte_serves(pte_t pte, unsigned prot)
{
    return pte & prot;
}
static inline unsigned arch_pte_flags(pte_t pte)
{
    return (unsigned)pte;
}
static inline pte_t arch_pte_table(paddr_t table)
{
    return table;
}
static inline pte_t arch_pte_leaf(paddr_t pa, unsigned prot, enum mem_type type, unsigned height,
                                  unsigned flags)
{
    return pa | prot | (pte_t)type | height | flags;
}
static inline pte_t arch_pte_read(const pte_t *slot)
{
    return *slot;
}
static inline void arch_pte_write(pte_t *slot, pte_t pte)
{
    *slot = pte;
}
static inline void arch_pte_sync(void) {}
static inline void arch_tlb_begin(void) {}
static inline void arch_tlb_flush_page(unsigned asid, vaddr_t va, unsigned height)
{
    (void)asid, (void)va, (void)height;
}
static inline void arch_tlb_flush_walks(unsigned asid, vaddr_t va)
{
    (void)asid, (void)va;
}
static inline void arch_tlb_flush_asid(unsigned asid)
{
    (void)asid;
}
static inline void arch_tlb_flush_all(void) {}
static inline void arch_tlb_end(void) {}
static inline void arch_mmu_activate(paddr_t root, unsigned asid)
{
    (void)root, (void)asid;
}
static inline void arch_mmu_activate_noted(paddr_t root, unsigned asid, struct pmap **note,
                                           struct pmap *pmap)
{
    (void)root, (void)asid;
    *note = pmap;
}
static inline void arch_mmu_deactivate(void) {}
static inline bool arch_mmu_was_old(uint64_t code)
{
    return !code;
}
