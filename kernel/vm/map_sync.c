/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was written into memory that programs supply is returned to them (vm.sync). Only objects that are mapped as they are have
 * anything to return: what is anonymous, or a private copy, is nobody else's. Two passes: pages are announced; then, if that is
 * wanted, waited for. No entry is split.
 */
#include "map_impl.h"
#include <kern/paged_object.h>
#include <kern/thread.h>

struct syncing {
    struct task *task;
    struct thread *self;
    vaddr_t end;
    bool wait, invalidate;
};

static struct paged_object *object_of(const struct map_entry *entry)
{
    bool as_it_is = entry->object && entry->shared && !entry->amap;
    return as_it_is && entry->object->kind == OBJECT_PAGED ? paged_of(entry->object) : NULL;
}

/* A piece of an entry. The MAP lock is held. KERN_RETRY: the same again, or, if it awaits a page, after that. */
static kern_return_t sync_entry(const struct syncing *s, const struct map_entry *entry, vaddr_t *at,
                                bool waiting)
{
    vaddr_t end = entry->end < s->end ? entry->end : s->end;
    struct paged_object *object = object_of(entry);
    if (!waiting && s->invalidate && entry->wired)
        return KERN_BUSY;
    if (!object) {
        *at = end;
        return KERN_SUCCESS;
    }
    uint64_t first = object_page_at(entry, *at), page = first, last = object_page_at(entry, end);
    kern_return_t kr = waiting ? paged_sync_wait(object, s->self, &page, last, *at)
                               : paged_sync(object, &page, last, s->invalidate);
    if (kr == KERN_SUCCESS || kr == KERN_RETRY)
        *at += (page - first) << PAGE_SHIFT;
    return kr;
}

static kern_return_t sync_piece(const struct syncing *s, vaddr_t *at, bool waiting)
{
    kern_return_t kr = KERN_INVALID_ADDRESS;
    spin_lock(&s->task->map.lock);
    const struct map_entry *entry = map_at(&s->task->map, *at);
    if (entry)
        kr = sync_entry(s, entry, at, waiting);
    spin_unlock(&s->task->map.lock);
    return kr;
}

/* A pass: *at is how far it has got. */
static kern_return_t sync_range(const struct syncing *s, vaddr_t *at, bool waiting)
{
    kern_return_t kr = KERN_SUCCESS;
    while (*at < s->end) {
        kr = sync_piece(s, at, waiting);
        bool waits = s->self->page.object != NULL;
        if ((kr != KERN_SUCCESS && kr != KERN_RETRY) || waits)
            return kr;
        if (*at < s->end && arch_irq_pending())
            return KERN_RETRY;
    }
    return KERN_SUCCESS;
}

kern_return_t map_sync(struct thread *self, struct task *task, vaddr_t start, uint64_t size,
                       bool wait, bool invalidate, uint64_t *progress)
{
    struct syncing s = {task, self, start + size, wait, invalidate};
    kern_return_t kr = KERN_SUCCESS;
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    if (self->page.object)
        paged_forget(self); /* what it was about to wait for is asked for anew */
    uint64_t passes = wait ? 2 : 1, done = *progress < passes * size ? *progress : 0;
    for (uint64_t pass = done / size; pass < passes && kr == KERN_SUCCESS; pass++) {
        vaddr_t at = start + (pass == done / size ? done % size : 0);
        kr = sync_range(&s, &at, pass > 0);
        *progress = pass * size + (at - start);
    }
    return kr;
}
