/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What faults do most: a page of memory is mapped in a table that is there, or takes the place of another, or gets back a right.
 * What is not one of these is left to pmap_enter(). The PMAP lock is held.
 */
#include "pmap_impl.h"

static inline pte_t leaf_of(paddr_t pa, unsigned prot)
{
    return arch_pte_leaf(pa, prot, MEM_NORMAL, 0, PTE_YOUNG);
}

/* Nothing is there. */
static inline bool enter_new(struct pmap *pmap, pte_t *slot, vaddr_t va, paddr_t pa, unsigned prot)
{
    if (!rmap_add_first(pa, pmap, va))
        return false;
    arch_pte_write(slot, leaf_of(pa, prot));
    pmap_table_count(pmap_table_of(slot), 1, 0);
    pmap->resident++;
    arch_pte_sync();
    return true;
}

/* The same page with fewer rights, or as many (R1). */
static inline bool enter_again(struct pmap *pmap, pte_t *slot, vaddr_t va, pte_t new)
{
    pte_t old = arch_pte_read(slot);
    if (old == new)
        return true;
    if (arch_pte_prot(old) & ~arch_pte_prot(new))
        return false;
    arch_pte_write(slot, new);
    arch_tlb_begin();
    arch_tlb_flush_page(pmap->asid, va, 0);
    arch_tlb_end();
    return true;
}

/* Another page: break before make, and the old one's reverse mapping goes when no TLB has it any more. */
static inline bool enter_instead(struct pmap *pmap, pte_t *slot, vaddr_t va, paddr_t pa,
                                 unsigned prot)
{
    pte_t old = arch_pte_read(slot);
    struct frame *before = frame_at(arch_pte_address(old));
    if (!rmap_add_first(pa, pmap, va))
        return false;
    arch_pte_write(slot, PTE_NONE);
    arch_tlb_begin();
    arch_tlb_flush_page(pmap->asid, va, 0);
    arch_tlb_end();
    pmap_collect(before, arch_pte_flags(old) & PTE_YOUNG, arch_pte_prot(old) & PROT_WRITE);
    rmap_remove_at(arch_pte_address(old), pmap, va);
    arch_pte_write(slot, leaf_of(pa, prot));
    arch_pte_sync();
    return true;
}

static inline bool enter(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    if (height != 0 || pmap_table_pieces(pmap_table_of(slot)) != 0)
        return false;
    pte_t old = arch_pte_read(slot);
    if (!arch_pte_is_valid(old))
        return enter_new(pmap, slot, va, pa, prot);
    if (!pmap_is_plain(old))
        return false;
    if (arch_pte_address(old) == pa)
        return enter_again(pmap, slot, va, leaf_of(pa, prot));
    return enter_instead(pmap, slot, va, pa, prot);
}

kern_return_t pmap_enter_page(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot)
{
    bool done = false;
    assert_slow(va < ARCH_USER_VA_END && va % PAGE_SIZE == 0);
    if (prot & PROT_WRITE)
        prot |= PROT_READ;
    if (likely(prot != PROT_NONE &&
               (prot & (PROT_WRITE | PROT_EXECUTE)) != (PROT_WRITE | PROT_EXECUTE))) {
        spin_lock(&pmap->lock);
        done = enter(pmap, va, pa, prot);
        spin_unlock(&pmap->lock);
    }
    if (likely(done))
        return KERN_SUCCESS;
    return pmap_enter(pmap, va, pa, PAGE_SIZE, prot, MEM_NORMAL, PMAP_REPLACE);
}
