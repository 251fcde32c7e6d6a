/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is an address space's alone goes elsewhere, as it is (kern/map.h). The MAP lock is held all the time: nobody can
 * begin to share it, and it is in no page table from before it is given.
 */
#include "map_impl.h"

/* A reference; NULL: there is none, or it is not this entry's alone. */
static struct anon *sole_page(const struct map_entry *entry, vaddr_t va)
{
    struct anon *anon = NULL;
    if (!entry || entry->shared || !entry->amap || !(entry->prot & PROT_READ))
        return NULL;
    uint64_t number = amap_page_at(entry, va);
    spin_lock(&entry->amap->lock);
    if (amap_lookup(entry->amap, number) && amap_owns(entry->amap, number)) {
        anon = amap_lookup(entry->amap, number);
        anon_ref(anon);
    }
    spin_unlock(&entry->amap->lock);
    return anon;
}

/* It has a frame, which the owner may let go. */
static bool may_leave(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);
    return frame && !(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_WIRED);
}

kern_return_t map_give_page(struct task *task, vaddr_t va, map_give_t *give, void *argument)
{
    kern_return_t kr = KERN_NOT_FOUND;
    if (va % PAGE_SIZE != 0 || va >= USER_VA_END)
        return kr;
    spin_lock(&task->map.lock);
    struct map_entry *entry = map_at(&task->map, va);
    struct anon *anon = sole_page(entry, va);
    bool may = anon && may_leave(anon);
    if (may) {
        (void)pmap_remove(task->pmap, va, va + PAGE_SIZE);
        kr = give(anon, argument);
    }
    if (kr == KERN_SUCCESS)
        (void)amap_remove(entry->amap, amap_page_at(entry, va), 1);
    else if (anon)
        anon_unref(anon);
    spin_unlock(&task->map.lock);
    return kr;
}
