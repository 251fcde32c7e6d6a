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
    if (unlikely(!anon_is_here(anon)))
        return KERN_BUSY;
    return pmap_enter_page(task->pmap, va, anon_address(anon), prot);
}

kern_return_t fault_anonymous(struct task *task, struct map_entry *entry, vaddr_t va, bool write)
{
    spin_lock(&entry->amap->lock);
    kern_return_t kr = find_and_map(task, entry, va, write);
    spin_unlock(&entry->amap->lock);
    return kr;
}
