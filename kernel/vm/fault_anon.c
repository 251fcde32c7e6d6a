/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What faults on anonymous memory are most: the first touch of a page, and the return of a right to a page whose other owners
 * are gone. The same as in fault.c, which does everything else, by a shorter way.
 *
 * Memory that is used from its beginning to its end is made in blocks of 64 KiB: when the first page of one is touched, all pages of
 * the block before have been used, and memory is plentiful (docs/decisions/0020-runs-of-anonymous-pages.md). They are pages like
 * others but for lying in a row and being mapped as a run. To keep pages that nobody needs few, one block of TRUST + 1 is watched: it
 * is mapped page by page, and its pages are old until they are used. If they are not all used before the next block is, that one is
 * made page by page again.
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

/* ---- runs ---- */

enum { RUN_SIZE = ANON_RUN * PAGE_SIZE, TRUST = 7 };

static inline bool are_empty(void *const *slot)
{
    for (unsigned i = 0; i < ANON_RUN; i++)
        if (slot[i])
            return false;
    return true;
}

/* Is the block that begins at va to be filled as a whole? It is the entry's, as is the one before; all of that has been used; and
 * nothing is in this one yet. Its pages have their slots in one leaf. */
static bool is_worth_it(const struct task *task, struct map_entry *entry, vaddr_t va,
                        uint64_t number, const struct amap_node *leaf)
{
    unsigned index = number % AMAP_SLOTS;
    if (entry->end - va < RUN_SIZE || va - entry->start < RUN_SIZE ||
        index > AMAP_SLOTS - ANON_RUN || (leaf && !are_empty(&leaf->slot[index])))
        return false;
    if (pmap_run_would_follow(task->pmap, va))
        return true;
    entry->trust = 0;
    return false;
}

static bool make_run(struct amap *amap, struct amap_node *leaf, unsigned index)
{
    void **slot = &leaf->slot[index];
    if (anon_create_run(amap->ledger, slot) != KERN_SUCCESS) {
        for (unsigned i = 0; i < ANON_RUN; i++)
            slot[i] = NULL;
        return false;
    }
    leaf->used += ANON_RUN;
    return true;
}

/* `leaf`: of amap_find(). False: nothing has been done. */
[[gnu::noinline]] static bool fill_run(struct task *task, struct map_entry *entry, vaddr_t va,
                                       uint64_t number, struct amap_node *leaf)
{
    if (!is_worth_it(task, entry, va, number, leaf))
        return false;
    if (!leaf && amap_new_leaf(entry->amap, number, &leaf) != KERN_SUCCESS)
        return false;
    if (!make_run(entry->amap, leaf, number % AMAP_SLOTS)) {
        amap_forget_slot(entry->amap, number); /* should the leaf be new */
        return false;
    }
    bool watched = entry->trust == 0;
    entry->trust = watched ? TRUST : entry->trust - 1;
    /* If that is not possible any more, they are found one by one. */
    (void)pmap_enter_run(task->pmap, va, anon_address(leaf->slot[number % AMAP_SLOTS]), entry->prot,
                         watched);
    return true;
}

/* ---- pages; the amap's lock is held ---- */

static inline kern_return_t find_and_map(struct task *task, struct map_entry *entry, vaddr_t va,
                                         bool write)
{
    uint64_t number = amap_page_at(entry, va);
    struct amap_node *leaf;
    bool owned;
    struct anon *anon = amap_find(entry->amap, number, &leaf, &owned);
    unsigned prot = entry->prot;
    if (!anon) {
        if (va % RUN_SIZE == 0 && fill_run(task, entry, va, number, leaf))
            return KERN_SUCCESS;
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
