/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What faults on anonymous memory are most: the first touch of a page, and the return of a right to a page whose other owners
 * are gone. The same as in fault.c, which does everything else, by a shorter way.
 */
#include "amap_impl.h"
#include "map_impl.h"

/* A page of zeroes in the empty slot of a leaf that is the amap's alone. */
static inline kern_return_t fill(struct amap *amap, struct amap_node *leaf, uint64_t number,
                                 struct anon **out)
{
    kern_return_t kr = anon_create(amap->ledger, true, out);
    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    leaf->slot[number % AMAP_SLOTS] = *out;
    leaf->used++;
    return KERN_SUCCESS;
}

/* The amap's lock is held. */
static inline kern_return_t find_and_map(struct task *task, struct map_entry *entry, vaddr_t va,
                                         bool write)
{
    uint64_t number = amap_page_at(entry, va);
    struct amap_node *leaf;
    bool owned;
    struct anon *anon = amap_find(entry->amap, number, &leaf, &owned);
    unsigned prot = entry->prot;
    if (!anon) {
        if (!leaf)
            return KERN_BUSY;
        kern_return_t kr = fill(entry->amap, leaf, number, &anon);
        if (unlikely(kr != KERN_SUCCESS))
            return kr;
    } else if (!owned) {
        if (write)
            return KERN_BUSY;
        prot &= ~(unsigned)PROT_WRITE;
    }
    if (unlikely(!anon_is_usable(anon))) /* even what has just been made: page-out may have it */
        return KERN_BUSY;
    return pmap_enter_page(task->pmap, va, anon_address(anon), prot);
}

/* The entry's first page is made together with its amap. */
[[gnu::noinline]] static kern_return_t first_page(struct task *task, struct map_entry *entry,
                                                  vaddr_t va)
{
    uint64_t number = (va - entry->start) >> PAGE_SHIFT;
    struct anon *anon;
    if (number >= AMAP_SLOTS)
        return KERN_BUSY;
    entry->amap_page = 0;
    kern_return_t kr = anon_create(task->ledger, true, &anon);
    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    kr = amap_create_with(task->ledger, number, anon, &entry->amap);
    if (unlikely(kr != KERN_SUCCESS)) {
        anon_unref(anon);
        return kr;
    }
    return pmap_enter_page(task->pmap, va, anon_address(anon), entry->prot);
}

kern_return_t fault_anonymous(struct task *task, struct map_entry *entry, vaddr_t va, bool write)
{
    if (!entry->amap)
        return first_page(task, entry, va);
    spin_lock(&entry->amap->lock);
    kern_return_t kr = find_and_map(task, entry, va, write);
    spin_unlock(&entry->amap->lock);
    return kr;
}
