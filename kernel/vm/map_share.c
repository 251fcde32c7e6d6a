/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is seen in two places: shared on purpose, or copied when either side changes it (kern/map.h: G3).
 */
#include "map_impl.h"
#include <kern/pin.h>

kern_return_t entry_make_amap(struct task *task, struct map_entry *entry)
{
    if (entry->amap)
        return KERN_SUCCESS;
    entry->amap_page = 0;
    return amap_create(task->ledger, &entry->amap);
}

/* ---- sharing ---- */

struct sharing {
    unsigned max_prot;
    uint64_t size;
    struct map_request *out;
};

/* The range is an entry of its own now. */
static kern_return_t share_piece(struct task *task, struct map_entry *entry, vaddr_t *at,
                                 const void *argument)
{
    const struct sharing *s = argument;
    if (entry->end - entry->start != s->size)
        return KERN_INVALID_ADDRESS;
    if (s->max_prot & ~(unsigned)entry->max_prot)
        return KERN_PROTECTION_FAILURE;
    if (!entry->object || !entry->shared) {
        kern_return_t kr = entry_make_amap(task, entry);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    entry->shared = true;
    *s->out = (struct map_request){.pages = entry_pages(entry),
                                   .amap = entry->amap,
                                   .amap_page = entry->amap_page,
                                   .object = entry->object,
                                   .object_page = entry->object_page,
                                   .shared = true};
    if (entry->amap)
        amap_ref(entry->amap);
    if (entry->object)
        memory_object_ref(entry->object);
    *at = entry->end;
    return KERN_SUCCESS;
}

/* One entry has all of it, before anything is split. */
static kern_return_t check_share(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->map.lock);
    const struct map_entry *entry = map_at(&task->map, start);
    if (!entry || size > entry->end - start)
        kr = KERN_INVALID_ADDRESS;
    else if (max_prot & ~(unsigned)entry->max_prot)
        kr = KERN_PROTECTION_FAILURE;
    spin_unlock(&task->map.lock);
    return kr;
}

/* Pages of the object are not shown any longer where what others write would have to be seen (fault.c). Files of the initial
 * archive, once: not worth a call in pieces. */
static void hide_object(struct task *task, vaddr_t at, vaddr_t end)
{
    while (at < end) {
        spin_lock(&task->map.lock);
        at = task->map.closed ? end : pmap_remove(task->pmap, at, end);
        spin_unlock(&task->map.lock);
    }
}

kern_return_t map_share(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                        struct map_request *out)
{
    struct sharing s = {max_prot, size, out};
    vaddr_t at = start;
    kern_return_t kr =
        is_range(start, size) ? check_share(task, start, size, max_prot) : KERN_INVALID_ADDRESS;
    while (kr == KERN_SUCCESS && at < start + size) {
        kr = map_for_range(task, &at, start + size, true, share_piece, &s);
        if (kr == KERN_RETRY) /* nothing has been done that would not be found again */
            kr = KERN_SUCCESS;
    }
    if (kr == KERN_SUCCESS && out->amap && out->object)
        hide_object(task, start, start + size);
    return kr;
}

/* ---- inheritance ---- */

/* What a child gets of the entry. */
static kern_return_t inherited(struct task *parent, struct task *child, struct map_entry *entry,
                               struct map_request *out)
{
    *out = (struct map_request){.start = entry->start,
                                .pages = entry_pages(entry),
                                .amap = entry->amap,
                                .amap_page = entry->amap_page,
                                .object = entry->object,
                                .object_page = entry->object_page,
                                .prot = entry->prot,
                                .max_prot = entry->max_prot,
                                .inherit = entry->inherit,
                                .shared = entry->inherit == VM_INHERIT_SHARE};
    kern_return_t kr = KERN_SUCCESS;
    if (out->shared) {
        /* A private view of an object is shared with what has been changed in it. */
        if (!entry->object || !entry->shared)
            kr = entry_make_amap(parent, entry);
        entry->shared = entry->shared || kr == KERN_SUCCESS;
        out->amap = entry->amap;
        out->amap_page = entry->amap_page;
        if (out->amap && kr == KERN_SUCCESS)
            amap_ref(out->amap);
    } else if (entry->amap) {
        kr = amap_copy(entry->amap, entry->amap_page, out->pages, child->ledger, &out->amap);
    }
    return kr;
}

/* The child's entry. Both locks are held. *unsettled: it has pages that devices know (kern/amap.h: M7). */
static kern_return_t fork_entry(struct task *parent, struct task *child, struct map_entry *entry,
                                bool *unsettled)
{
    struct map_request request;
    kern_return_t kr = inherited(parent, child, entry, &request);
    if (kr != KERN_SUCCESS)
        return kr;
    *unsettled |= !request.shared && request.amap && request.amap->unsettled;
    kr = map_enter_locked(child, &request);
    if (request.amap)
        amap_unref(request.amap);
    return kr;
}

/* From the first page in use at or after *page; *page: the next. */
static void take_page(struct amap *amap, uint64_t *page, uint64_t end)
{
    spin_lock(&amap->lock);
    bool found = amap_next(amap, page) && *page < end;
    struct anon *anon = found ? amap_lookup(amap, *page) : NULL;
    /* The slot's reference keeps the anon there. What is out is mapped nowhere. */
    struct frame *frame = anon ? anon_frame_if_any(anon) : NULL;
    if (frame)
        pmap_page_protect(frame, PROT_READ | PROT_EXECUTE);
    spin_unlock(&amap->lock);
    *page = found ? *page + 1 : end;
}

kern_return_t map_take_writing(struct amap *amap, uint64_t *page, uint64_t end)
{
    do
        take_page(amap, page, end);
    while (*page < end && !arch_irq_pending());
    return *page < end ? KERN_RETRY : KERN_SUCCESS;
}

/* Pages of the parent that were its own are not any more: it may not write to them before they are copied. Those of an amap that
 * others map, too, are taken from all of them. What the entry allows does not matter: a call that takes writing away may
 * not have come to the page tables yet. */
static vaddr_t take_writing(struct task *parent, struct map_entry *entry, vaddr_t at)
{
    if (entry->inherit == VM_INHERIT_SHARE)
        return entry_shows_object(entry) ? pmap_remove(parent->pmap, at, entry->end) : entry->end;
    if (!entry->amap)
        return entry->end;
    if (!entry->shared)
        return pmap_protect(parent->pmap, at, entry->end, PROT_READ | PROT_EXECUTE);
    uint64_t page = amap_page_at(entry, at);
    take_page(entry->amap, &page, amap_page_at(entry, entry->end));
    return entry->start + ((page - entry->amap_page) << PAGE_SHIFT);
}

/* One piece; both locks are held. *at: up to where. */
static kern_return_t fork_piece(struct task *parent, struct task *child, vaddr_t *at,
                                bool *unsettled)
{
    struct map_entry *entry = map_above(&parent->map, *at);
    if (!entry) {
        *at = USER_VA_END;
        return KERN_SUCCESS;
    }
    bool skip = entry->inherit == VM_INHERIT_NONE || entry->state != ENTRY_READY ||
                (entry_is_device(entry) && entry->inherit != VM_INHERIT_SHARE);
    bool is_new = *at <= entry->start &&
                  !map_at(&child->map, entry->start); /* not what was split meanwhile */
    if (is_new && !skip) {
        kern_return_t kr = fork_entry(parent, child, entry, unsettled);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    vaddr_t from = *at > entry->start ? *at : entry->start;
    *at = skip ? entry->end : take_writing(parent, entry, from);
    return KERN_SUCCESS;
}

static kern_return_t copy_entries(struct task *parent, struct task *child, vaddr_t *at,
                                  bool *unsettled)
{
    kern_return_t kr;
    do {
        spin_lock_pair(&parent->map.lock, &child->map.lock);
        if (*at == 0) {
            parent->map.copying++;
            child->map.hole_from =
                parent->map
                    .hole_from; /* what comes is above what is there, as in the parent: malloc() counts on it */
        }
        kr = fork_piece(parent, child, at, unsettled);
        parent->map.copying -= kr == KERN_SUCCESS && *at >= USER_VA_END;
        spin_unlock_pair(&parent->map.lock, &child->map.lock);
    } while (kr == KERN_SUCCESS && *at < USER_VA_END && !arch_irq_pending());
    return kr;
}

/* The child's pages that devices know are replaced by copies. It does not run, and nobody else has a right to it. */
static kern_return_t settle_entries(struct task *child, vaddr_t *at)
{
    kern_return_t kr = KERN_SUCCESS;
    while (kr == KERN_SUCCESS && *at < USER_VA_END) {
        spin_lock(&child->map.lock);
        const struct map_entry *entry = map_above(&child->map, *at);
        spin_unlock(&child->map.lock);
        if (entry && entry->start > *at)
            *at = entry->start;
        if (entry && entry->amap && !entry->shared && entry->amap->unsettled) {
            uint64_t page = amap_page_at(entry, *at);
            kr = amap_settle(entry->amap, &page, amap_page_at(entry, entry->end));
            *at = entry->start + ((page - entry->amap_page) << PAGE_SHIFT);
        } else {
            *at = entry ? entry->end : USER_VA_END;
        }
        if (kr == KERN_SUCCESS && *at < USER_VA_END && arch_irq_pending())
            kr = KERN_RETRY;
    }
    return kr;
}

/* Progress: the address that has been reached, of a second pass beyond USER_VA_END; and that this one is needed. */
enum { UNSETTLED = 1 };

kern_return_t map_fork(struct task *parent, struct task *child, uint64_t *progress)
{
    bool unsettled = *progress & UNSETTLED;
    vaddr_t at = round_down(*progress, PAGE_SIZE);
    kern_return_t kr = KERN_SUCCESS;
    if (at < USER_VA_END)
        kr = copy_entries(parent, child, &at, &unsettled);
    if (kr == KERN_SUCCESS && at >= USER_VA_END && unsettled) {
        at -= USER_VA_END;
        kr = settle_entries(child, &at);
        at += USER_VA_END;
    }
    *progress = at | (unsettled ? UNSETTLED : 0);
    return kr == KERN_SUCCESS && at < USER_VA_END ? KERN_RETRY : kr;
}
