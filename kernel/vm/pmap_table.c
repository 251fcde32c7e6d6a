/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The radix tree under a pmap: its table pages, finding a slot, splitting large leaves and runs.
 * Every function runs with the PMAP lock held. pmap_impl.h says how the tables' frame records are
 * used.
 */
#include "pmap_impl.h"

kern_return_t pmap_table_alloc(struct pmap *pmap, pfn_t *list)
{
    struct frame *table;
    kern_return_t kr = frame_alloc(pmap->ledger, LEDGER_PAGE_TABLES, 0, FRAME_ZEROED, &table);
    if (kr != KERN_SUCCESS)
        return kr;
    table->owner = pmap;
    table->owner_offset = 0;
    table->prev = PFN_NONE;
    pmap_list_push(list, table);
    pmap->tables++;
    return KERN_SUCCESS;
}

void pmap_table_free(struct pmap *pmap, pfn_t *list)
{
    while (*list != PFN_NONE) {
        struct frame *table = pmap_list_pop(list);
        assert(table->owner_offset == 0);
        table->owner = NULL;
        pmap->tables--;
        frame_free(pmap->ledger, LEDGER_PAGE_TABLES, table);
    }
}

pte_t *pmap_walk(const struct pmap *pmap, vaddr_t va, unsigned target, unsigned *height)
{
    return pmap_walk_down(pmap, va, target, height);
}

pte_t *pmap_link(pte_t *slot, vaddr_t va, unsigned height, unsigned target, pfn_t *list)
{
    if (height == target)
        return slot;
    arch_pte_sync(); /* walkers must see the zeroes of a table before the entry that leads to it */
    while (height > target) {
        struct frame *table = pmap_list_pop(list);
        pmap_table_count(pmap_table_of(slot), 1, 0);
        arch_pte_write(slot, arch_pte_table(frame_address(table)));
        height--;
        slot = (pte_t *)frame_memory(table) + pmap_index(va, height);
    }
    return slot;
}

void pmap_prune(struct pmap *pmap, vaddr_t va, pfn_t *dead)
{
    pte_t *path[ARCH_USER_ROOT_HEIGHT + 1];
    unsigned h = ARCH_USER_ROOT_HEIGHT;
    path[h] = (pte_t *)phys_to_virt(pmap->root) + pmap_index(va, h);
    while (h > 0) {
        pte_t pte = arch_pte_read(path[h]);
        if (!arch_pte_is_valid(pte) || !arch_pte_is_table(pte, h))
            break;
        h--;
        path[h] = (pte_t *)phys_to_virt(arch_pte_address(pte)) + pmap_index(va, h);
    }
    for (; h < ARCH_USER_ROOT_HEIGHT; h++) {
        struct frame *table = pmap_table_of(path[h]);
        if (pmap_table_valid(table) != 0)
            return;
        arch_pte_write(path[h + 1], PTE_NONE);
        pmap_table_count(pmap_table_of(path[h + 1]), -1, 0);
        pmap_list_push(dead, table);
    }
}

void pmap_flush(struct pmap *pmap, vaddr_t va, unsigned count, unsigned height)
{
    arch_tlb_begin();
    for (unsigned i = 0; i < count; i++)
        arch_tlb_flush_page(pmap->asid, va + i * pmap_span(height), height);
    arch_tlb_end();
}

void pmap_split(struct pmap *pmap, pte_t *slot, vaddr_t va)
{
    pte_t old = arch_pte_read(slot);
    paddr_t pa = arch_pte_address(old);
    unsigned prot = arch_pte_prot(old), flags = arch_pte_flags(old) | PTE_RUN;
    enum mem_type type = arch_pte_type(old);

    struct frame *table = pmap_list_pop(pmap_spares(pmap));
    pte_t *entry = frame_memory(table);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        arch_pte_write(&entry[i], arch_pte_leaf(pa + i * PAGE_SIZE, prot, type, 0, flags));
    bool managed = !(flags & PTE_UNMANAGED);
    table->prev = managed ? (pfn_t)(pa >> PAGE_SHIFT) : PFN_NONE;
    pmap_table_count(table, PT_ENTRIES, managed ? PT_ENTRIES : 0);

    arch_pte_write(slot, PTE_NONE); /* R1: the size changes */
    pmap_flush(pmap, round_down(va, PMAP_LARGE_SIZE), 1, 1);
    arch_pte_write(slot, arch_pte_table(frame_address(table)));
    arch_pte_sync();
}

void pmap_degrade(struct pmap *pmap, pte_t *slot, vaddr_t va)
{
    pte_t old[PT_RUN];
    slot -= pmap_index(va, 0) % PT_RUN;
    for (unsigned i = 0; i < PT_RUN; i++) {
        old[i] = arch_pte_read(&slot[i]);
        arch_pte_write(&slot[i], PTE_NONE);
    }
    pmap_flush(pmap, round_down(va, PMAP_RUN_SIZE), PT_RUN, 0);
    for (unsigned i = 0; i < PT_RUN; i++) {
        unsigned flags = arch_pte_flags(old[i]) & ~(unsigned)PTE_RUN;
        arch_pte_write(&slot[i], pmap_leaf_with(old[i], 0, arch_pte_prot(old[i]), flags));
    }
    arch_pte_sync();
}
