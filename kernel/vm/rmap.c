/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reverse mappings: from a frame to every (pmap, address) that maps it.
 *
 * A frame's chain is a sequence of links. A link with its low bit set points to a struct rmap_entry
 * and goes on at the entry's `next`. A link without it is the end: NULL, or the pmap of the frame's
 * inline mapping, whose address is frame->rmap_va. So the first mapping costs nothing, further ones
 * go in front of it, and taking any of them out neither allocates nor moves another.
 *
 * frame->mapped is the number of links that stand for a mapping (P2).
 */
#include "pmap_impl.h"
#include <kern/kmem.h>

struct rmap_lock rmap_lock[RMAP_LOCKS];

static KMEM_CACHE_MEMORY(rmap_cache, struct rmap_entry);

void rmap_init(void)
{
    for (unsigned i = 0; i < RMAP_LOCKS; i++)
        spin_init(&rmap_lock[i].lock, LOCK_RMAP);
}

static bool link_is_entry(const void *link)
{
    return (uintptr_t)link & 1;
}

static struct rmap_entry *link_entry(void *link)
{
    return (struct rmap_entry *)((uintptr_t)link - 1);
}

/** Use the inline place, or `entry` if there is one. False: an entry is needed. */
static bool rmap_insert(struct frame *frame, struct pmap *pmap, vaddr_t va,
                        struct rmap_entry *entry)
{
    if (frame->rmap == NULL) {
        frame->rmap = pmap;
        frame->rmap_va = va;
    } else if (entry != NULL) {
        *entry = (struct rmap_entry){.next = frame->rmap, .pmap = pmap, .va = va};
        frame->rmap = (char *)entry + 1;
    } else {
        return false;
    }
    rmap_note_large(frame, va);
    rmap_count(frame, 1);
    return true;
}

kern_return_t rmap_add(struct frame *frame, struct pmap *pmap, vaddr_t va)
{
    struct spinlock *lock = rmap_lock_of(frame);
    spin_lock(lock);
    bool done = rmap_insert(frame, pmap, va, NULL);
    spin_unlock(lock);
    if (done)
        return KERN_SUCCESS;

    void *entry;
    kern_return_t kr = kmem_alloc(&rmap_cache, pmap->ledger, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(lock);
    (void)rmap_insert(frame, pmap, va, entry);
    bool unused = frame->rmap == pmap; /* the inline place became free meanwhile */
    spin_unlock(lock);
    if (unused)
        kmem_free(&rmap_cache, pmap->ledger, entry);
    return KERN_SUCCESS;
}

bool rmap_get(const struct frame *frame, void *const *link, struct pmap **pmap, vaddr_t *va)
{
    if (link == NULL || *link == NULL)
        return false;
    if (link_is_entry(*link)) {
        *pmap = link_entry(*link)->pmap;
        *va = link_entry(*link)->va;
    } else {
        *pmap = *link;
        *va = frame->rmap_va;
    }
    return true;
}

void **rmap_next(void **link)
{
    return link_is_entry(*link) ? &link_entry(*link)->next : NULL;
}

void **rmap_find(struct frame *frame, const struct pmap *pmap, vaddr_t va)
{
    struct pmap *p;
    vaddr_t v;
    for (void **link = &frame->rmap; rmap_get(frame, link, &p, &v); link = rmap_next(link)) {
        if (p == pmap && v == va)
            return link;
    }
    return NULL;
}

void rmap_unlink(struct frame *frame, void **link)
{
    if (link_is_entry(*link)) {
        struct rmap_entry *entry = link_entry(*link);
        *link = entry->next;
        kmem_free(&rmap_cache, entry->pmap->ledger, entry);
    } else {
        *link = NULL;
        frame->rmap_va = 0;
    }
    rmap_count(frame, -1);
}

void rmap_remove(struct frame *frame, struct pmap *pmap, vaddr_t va)
{
    struct spinlock *lock = rmap_lock_of(frame);
    spin_lock(lock);
    if (likely(frame->rmap == pmap && frame->rmap_va == va)) {
        rmap_unlink(frame, &frame->rmap);
    } else {
        void **link = rmap_find(frame, pmap, va);
        assert(link != NULL);
        rmap_unlink(frame, link);
    }
    spin_unlock(lock);
}
