/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64 KiB of pages that are mapped together: runs that are made so (fault_anon.c), and neighbours that are there already (fault.c).
 */
#include "pmap_impl.h"

/* The first of the slots of a run's pages, if they are in a table that has no pieces; or NULL. PMAP lock held. */
static inline pte_t *find_slots(const struct pmap *pmap, vaddr_t va)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    return height == 0 && pmap_table_pieces(pmap_table_of(slot)) == 0 ? slot : NULL;
}

static inline bool are_free(const pte_t *slot)
{
    pte_t any = 0;
    for (unsigned i = 0; i < PT_RUN; i++)
        any |= arch_pte_read(&slot[i]);
    return any == PTE_NONE;
}

static inline bool are_young(const pte_t *slot)
{
    /* As a run they are all alike. */
    pte_t first = arch_pte_read(slot);
    unsigned count = arch_pte_is_valid(first) && (arch_pte_flags(first) & PTE_RUN) ? 1 : PT_RUN;
    for (unsigned i = 0; i < count; i++) {
        pte_t pte = arch_pte_read(&slot[i]);
        if (!arch_pte_is_valid(pte) || !(arch_pte_flags(pte) & PTE_YOUNG))
            return false;
    }
    return true;
}

bool pmap_run_would_follow(struct pmap *pmap, vaddr_t va)
{
    spin_lock(&pmap->lock);
    const pte_t *here = find_slots(pmap, va), *before = NULL;
    if (here)
        before = pmap_index(va, 0) ? here - PT_RUN : find_slots(pmap, va - PMAP_RUN_SIZE);
    bool would = before && are_free(here) && are_young(before);
    spin_unlock(&pmap->lock);
    return would;
}

/* PMAP lock held. */
static inline void add_rmaps(struct pmap *pmap, vaddr_t va, paddr_t pa)
{
    for (unsigned i = 0; i < PT_RUN; i++) {
        bool first = rmap_add_first(pa + i * PAGE_SIZE, pmap, va + i * PAGE_SIZE);
        assert(first); /* nobody maps the frame */
    }
}

static inline void write_leaves(pte_t *slot, paddr_t pa, unsigned prot, unsigned first,
                                unsigned others)
{
    arch_pte_write(slot, arch_pte_leaf(pa, prot, MEM_NORMAL, 0, first));
    for (unsigned i = 1; i < PT_RUN; i++)
        arch_pte_write(&slot[i], arch_pte_leaf(pa + i * PAGE_SIZE, prot, MEM_NORMAL, 0, others));
}

static inline bool enter_run(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot, bool watched)
{
    pte_t *slot = find_slots(pmap, va);
    if (!slot || !are_free(slot))
        return false;
    add_rmaps(pmap, va, pa);
    if (watched)
        write_leaves(slot, pa, prot, PTE_YOUNG, 0);
    else
        write_leaves(slot, pa, prot, PTE_YOUNG | PTE_RUN, PTE_YOUNG | PTE_RUN);
    pmap_table_count(pmap_table_of(slot), PT_RUN, 0);
    pmap->resident += PT_RUN;
    arch_pte_sync();
    return true;
}

bool pmap_enter_run(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot, bool watched)
{
    assert_slow(va % PMAP_RUN_SIZE == 0 && pa % PMAP_RUN_SIZE == 0 && !(prot & PROT_EXECUTE));
    if (prot & PROT_WRITE)
        prot |= PROT_READ;
    spin_lock(&pmap->lock);
    bool entered = enter_run(pmap, va, pa, prot, watched);
    spin_unlock(&pmap->lock);
    return entered;
}

/* ---- neighbours ---- */

void pmap_enter_around(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned wanted, unsigned prot)
{
    assert_slow(va % PMAP_RUN_SIZE == 0 && prot != PROT_NONE && !(prot & PROT_WRITE));
    spin_lock(&pmap->lock);
    unsigned entered = 0;
    pte_t *slot = find_slots(pmap, va);
    for (; slot && wanted; wanted &= wanted - 1) {
        unsigned i = (unsigned)__builtin_ctz(wanted);
        if (arch_pte_read(&slot[i]) != PTE_NONE)
            continue;
        arch_pte_write(&slot[i], arch_pte_leaf(pa + i * PAGE_SIZE, prot, MEM_NORMAL, 0,
                                               PTE_YOUNG | PTE_UNMANAGED));
        entered++;
    }
    if (entered) {
        pmap_table_count(pmap_table_of(slot), (int)entered, 0);
        pmap->resident += entered;
        arch_pte_sync();
    }
    spin_unlock(&pmap->lock);
}
