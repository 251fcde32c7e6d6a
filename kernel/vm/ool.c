/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages: made, freed, given to the receiver (kern/ool.h).
 */
#include "map_impl.h"
#include <kern/kmem.h>
#include <kern/ool.h>

static KMEM_CACHE(ool_cache, struct kool);
static KMEM_CACHE(loss_cache, struct ool_loss);

/* ---- life ---- */

static uint64_t pages_of(const struct kool *ool)
{
    return (ool_end(ool) - ool_first(ool)) >> PAGE_SHIFT;
}

static kern_return_t add_loss(struct ledger *ledger, struct kool *ool)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&loss_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    ool->loss = memory;
    ool->loss->start = ool_first(ool);
    ool->loss->end = ool_end(ool);
    return KERN_SUCCESS;
}

kern_return_t ool_create(struct ledger *ledger, vaddr_t source, uint32_t size, bool moves,
                         struct kool **out)
{
    struct kool wanted = {.source = source, .size = size};
    void *memory;
    if (!is_range(source, size))
        return KERN_INVALID_ADDRESS;
    uint64_t pages = pages_of(&wanted);
    kern_return_t kr =
        kmem_alloc_counted(&ool_cache, ledger, LEDGER_COMMITMENT, (int64_t)pages, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kool *ool = memory;
    *ool = wanted;
    ool->memory = (struct map_request){.pages = pages,
                                       .prot = PROT_READ | PROT_WRITE,
                                       .max_prot = PROT_ALL,
                                       .inherit = VM_INHERIT_COPY};
    if (moves)
        kr = add_loss(ledger, ool);
    if (kr != KERN_SUCCESS) {
        ool_free(ledger, ool);
        return kr;
    }
    *out = ool;
    return KERN_SUCCESS;
}

void ool_free_loss(struct ledger *ledger, struct ool_loss *loss)
{
    kmem_free(&loss_cache, ledger, loss);
}

void ool_free(struct ledger *ledger, struct kool *ool)
{
    if (ool->memory.amap)
        amap_unref_later(ool->memory.amap);
    if (ool->from)
        amap_unref_later(ool->from);
    if (ool->memory.object)
        memory_object_unref(ool->memory.object);
    if (ool->loss)
        ool_free_loss(ledger, ool->loss);
    kmem_free_counted(&ool_cache, ledger, LEDGER_COMMITMENT, (int64_t)pages_of(ool), ool);
}

/* ---- receiving ---- */

/* An entry that is not in the map; its amap, which is the receiver's, is empty still. */
static kern_return_t prepare(struct task *task, struct kool *ool)
{
    struct map_request request = ool->memory;
    kern_return_t kr = KERN_SUCCESS;
    if (request.amap)
        kr = amap_create(task->ledger, &ool->fresh);
    request.amap = ool->fresh;
    return kr == KERN_SUCCESS ? map_prepare(task, &request, &ool->entry) : kr;
}

/* The lock is held. On an error nothing is in the map: nobody has seen that anything was. */
static kern_return_t place_all(struct vm_map *map, struct kool *list)
{
    for (struct kool *ool = list; ool; ool = ool->next) {
        ool->memory.start = 0;
        kern_return_t kr = map_place(map, ool->entry, &ool->memory);
        if (kr == KERN_SUCCESS)
            continue;
        for (struct kool *placed = list; placed != ool; placed = placed->next)
            entry_remove(map, placed->entry);
        return kr;
    }
    return KERN_SUCCESS;
}

static void move_pages(struct kool *list, bool back)
{
    for (struct kool *ool = list; ool; ool = ool->next)
        if (ool->fresh)
            amap_move(back ? ool->fresh : ool->memory.amap, back ? ool->memory.amap : ool->fresh);
}

/* Entries that are in the map are anybody's by now. */
static void let_go(struct task *task, struct kool *list, bool mapped)
{
    for (struct kool *ool = list; ool; ool = ool->next) {
        if (ool->entry && !mapped)
            entry_destroy(task, ool->entry);
        if (ool->fresh)
            amap_unref(ool->fresh);
        if (ool->memory.amap && mapped) {
            amap_unref(ool->memory.amap);
            ool->memory.amap = NULL;
        }
        ool->entry = NULL;
        ool->fresh = NULL;
    }
}

kern_return_t ool_map_all(struct task *task, struct kool *list)
{
    kern_return_t kr = KERN_SUCCESS;
    for (struct kool *ool = list; ool && kr == KERN_SUCCESS; ool = ool->next)
        kr = prepare(task, ool);
    if (kr == KERN_SUCCESS) {
        move_pages(list, false);
        spin_lock(&task->map.lock);
        kr = place_all(&task->map, list);
        spin_unlock(&task->map.lock);
        if (kr != KERN_SUCCESS)
            move_pages(list, true);
    }
    let_go(task, list, kr == KERN_SUCCESS);
    return kr;
}
