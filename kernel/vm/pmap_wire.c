/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings that were wired and need not be any more. The flag is software's: no TLB knows it.
 */
#include "pmap_impl.h"

/* Rewrite a leaf, or all 16 of a run. */
static void take_flag(struct pmap *pmap, pte_t *first, unsigned count, unsigned height)
{
    for (unsigned i = 0; i < count; i++) {
        pte_t pte = arch_pte_read(&first[i]);
        unsigned flags = arch_pte_flags(pte) & ~(unsigned)PTE_WIRED;
        arch_pte_write(&first[i], pmap_leaf_with(pte, height, arch_pte_prot(pte), flags));
    }
    pmap->wired -= count * pmap_span(height) >> PAGE_SHIFT;
}

/* The leaf that was found: its flag goes, or, if it sticks out of the range, it is cut and will be found again. */
static void unwire_leaf(struct pmap *pmap, struct pmap_cursor *c, pte_t *slot)
{
    pte_t pte = arch_pte_read(slot);
    unsigned count = pmap_leaf_count(pte, c->height);
    uint64_t size = count * pmap_span(c->height);
    vaddr_t start = round_down(c->va, size);
    bool is_wired = arch_pte_flags(pte) & PTE_WIRED;
    if (is_wired && (c->va != start || c->end - start < size)) {
        if (count == PT_RUN)
            pmap_degrade(pmap, slot, c->va);
        else
            pmap_split(pmap, slot, c->va);
        return;
    }
    if (is_wired)
        take_flag(pmap, slot, count, c->height);
    c->va = start + size;
    unsigned cost = count * PMAP_ENTRY_COST;
    c->budget -= c->budget < cost ? c->budget : cost;
}

vaddr_t pmap_unwire(struct pmap *pmap, vaddr_t va, vaddr_t end)
{
    struct pmap_cursor c = {.va = va, .end = end, .budget = PMAP_SCAN};
    pte_t *slot;
    spin_lock(&pmap->lock);
    if (pmap->wired == 0)
        c.va = end;
    while ((slot = pmap_find_leaf(pmap, &c)) != NULL)
        unwire_leaf(pmap, &c, slot);
    arch_pte_sync();
    spin_unlock(&pmap->lock);
    return c.va < end ? c.va : end;
}
