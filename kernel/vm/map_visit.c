/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at the pages of an address space that are in memory, without making or fetching any (vm.maintain).
 */
#include "map_impl.h"
#include <kern/paged_object.h>

static void visit_anon(struct anon *anon, map_visit_t *visit)
{
    struct frame *frame = anon ? anon_frame_if_any(anon) : NULL;
    if (frame)
        visit(frame_memory(frame), PAGE_SIZE);
}

/* True: the amap has it, here or out. */
static bool visit_amap(const struct map_entry *entry, vaddr_t va, map_visit_t *visit)
{
    if (!entry->amap)
        return false;
    spin_lock(&entry->amap->lock);
    struct anon *anon = amap_lookup(entry->amap, amap_page_at(entry, va));
    visit_anon(anon, visit);
    spin_unlock(&entry->amap->lock);
    return anon;
}

static void visit_object(const struct map_entry *entry, vaddr_t va, map_visit_t *visit)
{
    struct memory_object *object = entry->object;
    uint64_t page = object_page_at(entry, va);
    if (object->kind == OBJECT_PHYSICAL) {
        visit(phys_to_virt(object->base + (page << PAGE_SHIFT)), PAGE_SIZE);
        return;
    }
    if (object->kind != OBJECT_PAGED) /* a window */
        return;
    struct paged_object *paged = paged_of(object);
    spin_lock(&paged->lock);
    visit_anon(paged_lookup(paged, page), visit);
    spin_unlock(&paged->lock);
}

kern_return_t map_visit(struct task *task, vaddr_t va, map_visit_t *visit)
{
    kern_return_t kr = KERN_SUCCESS;
    va = round_down(va, PAGE_SIZE);
    spin_lock(&task->map.lock);
    const struct map_entry *entry = map_at(&task->map, va);
    if (!entry)
        kr = KERN_INVALID_ADDRESS;
    else if (!(entry->prot & PROT_READ))
        kr = KERN_PROTECTION_FAILURE;
    else if (!visit_amap(entry, va, visit) && entry->object)
        visit_object(entry, va, visit);
    spin_unlock(&task->map.lock);
    return kr;
}
