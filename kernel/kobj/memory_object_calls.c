/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pagers ask of their objects (interfaces/memory_object.defs); what it means stands in kern/paged_object.h.
 */
#include "kobj_impl.h"
#include <arch/cpu.h>
#include <arch/usercopy.h>
#include <kern/frame.h>
#include <kern/map.h>
#include <kern/paged_object.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/memory_object_kernel.h>

static_assert(MEMORY_OBJECT_RUN_MAX == PAGED_RUN_MAX << PAGE_SHIFT &&
              MEMORY_OBJECT_CLUSTER_MAX == PAGED_CLUSTER_MAX << PAGE_SHIFT &&
              MEMORY_OBJECT_RETURN_MAX == PAGED_RETURN_MAX << PAGE_SHIFT);

struct run {
    uint64_t page, count;
};

/* A range of whole pages that an object can have. */
static kern_return_t check_run(uint64_t offset, uint64_t length, uint64_t most, struct run *out)
{
    if (offset % PAGE_SIZE != 0 || length % PAGE_SIZE != 0 || length == 0)
        return KERN_INVALID_ARGUMENT;
    *out = (struct run){offset >> PAGE_SHIFT, length >> PAGE_SHIFT};
    return out->count > most || out->page >= PAGED_PAGES_MAX ||
                   out->count > PAGED_PAGES_MAX - out->page
               ? KERN_INVALID_ARGUMENT
               : KERN_SUCCESS;
}

static kern_return_t check_alive(struct paged_object *object)
{
    spin_lock(&object->lock);
    bool alive = object->state <= PAGED_READY || object->state == PAGED_CACHED;
    spin_unlock(&object->lock);
    return alive ? KERN_SUCCESS : KERN_TERMINATED;
}

kern_return_t kmemory_object_ready(struct kcall *call, struct paged_object *target, bool may_cache,
                                   uint32_t cluster)
{
    (void)call;
    kern_return_t kr = KERN_SUCCESS;
    uint32_t pages = cluster >> PAGE_SHIFT;
    if (pages == 0)
        return KERN_INVALID_ARGUMENT;
    spin_lock(&target->lock);
    if (target->state <= PAGED_READY) {
        target->cluster = pages < PAGED_CLUSTER_MAX ? pages : PAGED_CLUSTER_MAX;
        target->state = PAGED_READY;
        target->wake_waiting = true;
        if (paged_wake_some(target))
            work_start(&target->work);
    } else if (target->state != PAGED_CACHED) {
        kr = KERN_TERMINATED;
    }
    if (kr == KERN_SUCCESS)
        paged_set_may_cache(target, may_cache);
    spin_unlock(&target->lock);
    return kr;
}

/* ---- pages that come ---- */

/* A copy of the caller's page at address, or, if that is 0, zeroes. */
static kern_return_t make_page(struct kcall *call, struct paged_object *object, uint64_t address,
                               struct anon **out)
{
    kern_return_t kr = anon_create(object->object.ledger, address == 0, out);
    kr = swap_wait_if_short(call->self, address, kr);
    if (kr == KERN_SUCCESS && address != 0) {
        struct thread *self = call->self;
        kr = map_copy(self, self->task, address, frame_memory(anon_frame_held(*out)), PAGE_SIZE,
                      false, false);
        if (kr != KERN_SUCCESS)
            anon_unref(*out);
    }
    return kr;
}

static bool is_wanted(struct paged_object *object, uint64_t page)
{
    spin_lock(&object->lock);
    bool wanted = page < object->object.pages && !paged_lookup(object, page);
    spin_unlock(&object->lock);
    return wanted;
}

struct place {
    struct paged_object *object;
    uint64_t page;
};

static kern_return_t put_moved(struct anon *anon, void *argument)
{
    const struct place *place = argument;
    return paged_put(place->object, place->page, anon);
}

static kern_return_t supply_page(struct kcall *call, struct paged_object *object, uint64_t page,
                                 uint64_t address, bool moves)
{
    struct place place = {object, page};
    struct anon *anon;
    kern_return_t kr = KERN_NOT_FOUND;
    if (!is_wanted(object, page))
        return KERN_SUCCESS;
    if (moves)
        kr = map_give_page(call->self->task, address, put_moved, &place);
    if (kr != KERN_NOT_FOUND)
        return kr;
    kr = make_page(call, object, address, &anon);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = paged_put(object, page, anon);
    if (kr != KERN_SUCCESS)
        anon_unref(anon);
    return kr;
}

/* Page by page; progress is how many are done. Those that wait are woken at the end, whatever came of it. */
static kern_return_t supply(struct kcall *call, struct paged_object *object, const struct run *run,
                            uint64_t address, bool moves)
{
    uint64_t progress = kcall_progress(call, KCALL_TAG_OBJECT_SUPPLY);
    uint64_t done = progress < run->count ? progress : 0;
    kern_return_t kr = check_alive(object);
    while (kr == KERN_SUCCESS && done < run->count) {
        kr = supply_page(call, object, run->page + done,
                         address ? address + (done << PAGE_SHIFT) : 0, moves);
        if (kr == KERN_SUCCESS && ++done < run->count && arch_irq_pending())
            kr = KERN_RETRY;
    }
    if (kr != KERN_RETRY && done > 0)
        paged_answer(object, run->page, done, 0);
    return kcall_again(call, KCALL_TAG_OBJECT_SUPPLY, done, kr);
}

kern_return_t kmemory_object_supply(struct kcall *call, struct paged_object *target,
                                    uint64_t offset, uint64_t address, uint64_t length,
                                    uint32_t flags)
{
    struct run run;
    if (flags & ~(uint32_t)MEMORY_OBJECT_SUPPLY_MOVE)
        return KERN_INVALID_VALUE;
    kern_return_t kr = check_run(offset, length, PAGED_RUN_MAX, &run);
    if (kr != KERN_SUCCESS)
        return kr;
    if (address == 0 || address >= USER_VA_END || length > USER_VA_END - address)
        return KERN_INVALID_ADDRESS;
    return supply(call, target, &run, address, flags & MEMORY_OBJECT_SUPPLY_MOVE);
}

kern_return_t kmemory_object_unavailable(struct kcall *call, struct paged_object *target,
                                         uint64_t offset, uint64_t length)
{
    struct run run;
    kern_return_t kr = check_run(offset, length, PAGED_RUN_MAX, &run);
    return kr == KERN_SUCCESS ? supply(call, target, &run, 0, false) : kr;
}

kern_return_t kmemory_object_error(struct kcall *call, struct paged_object *target, uint64_t offset,
                                   uint64_t length, uint32_t reason)
{
    struct run run;
    (void)call;
    kern_return_t kr = check_run(offset, length, PAGED_PAGES_MAX, &run);
    if (kr == KERN_SUCCESS)
        kr = check_alive(target);
    if (kr == KERN_SUCCESS)
        paged_answer(target, run.page, run.count, page_result(KERN_MEMORY_ERROR, reason));
    return kr;
}

/* ---- pages that go ---- */

/* Begins, or goes on: progress is how many pages are done. KERN_BUSY: an earlier one is not completed. */
static kern_return_t begin_lock(struct paged_object *object, bool notify)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    if (object->state != PAGED_READY && object->state != PAGED_CACHED)
        kr = KERN_TERMINATED;
    else if (notify && (object->locking || object->lock_due))
        kr = KERN_BUSY;
    spin_unlock(&object->lock);
    return kr;
}

/* One that nobody has mapped since it began goes on when it is mapped again, or is cached. KERN_BUSY: another thread's was faster, and its completion is one for it alone. */
static kern_return_t end_lock(struct paged_object *object, const struct run *run, bool notify)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    if (object->state == PAGED_GONE)
        kr = KERN_TERMINATED;
    else if (notify && (object->locking || object->lock_due))
        kr = KERN_BUSY;
    else if (notify && (object->state == PAGED_READY || object->state == PAGED_ENDING ||
                        object->state == PAGED_CACHED)) {
        object->lock_page = run->page;
        object->lock_pages = run->count;
        object->locking = true;
    }
    if (object->state != PAGED_GONE)
        work_start(&object->work); /* announces, and completes */
    spin_unlock(&object->lock);
    return kr;
}

kern_return_t kmemory_object_lock_request(struct kcall *call, struct paged_object *target,
                                          uint64_t offset, uint64_t length, uint32_t what,
                                          bool flush, bool notify)
{
    struct run run;
    kern_return_t kr = check_run(offset, length, PAGED_PAGES_MAX, &run);
    if (kr == KERN_SUCCESS && what > MEMORY_OBJECT_RETURNS_ALL)
        kr = KERN_INVALID_ARGUMENT;
    if (kr != KERN_SUCCESS)
        return kr;
    uint64_t progress = kcall_progress(call, KCALL_TAG_OBJECT_LOCK), end = run.page + run.count;
    uint64_t page = run.page + (progress < run.count ? progress : 0);
    if (!progress)
        kr = begin_lock(target, notify);
    while (kr == KERN_SUCCESS && page < end) {
        kr = paged_lock_page(target, &page, end, what, flush, notify);
        if (kr == KERN_SUCCESS && page < end && arch_irq_pending())
            kr = KERN_RETRY;
    }
    if (kr == KERN_SUCCESS)
        kr = end_lock(target, &run, notify);
    return kcall_again(call, KCALL_TAG_OBJECT_LOCK, page - run.page, kr);
}

kern_return_t kmemory_object_collect(struct kcall *call, struct paged_object *target,
                                     uint64_t offset, uint64_t address)
{
    struct thread *self = call->self;
    struct anon *anon;
    struct run run;
    kern_return_t kr = check_run(offset, PAGE_SIZE, 1, &run);
    if (kr == KERN_SUCCESS)
        kr = paged_collect_begin(target, self, run.page, &anon);
    if (kr != KERN_SUCCESS) {
        call->restart = kr == KERN_RETRY;
        return kr;
    }
    kr = map_copy(self, self->task, address, frame_memory(anon_frame_held(anon)), PAGE_SIZE, true,
                  false);
    paged_collect_end(target, run.page, anon, kr == KERN_SUCCESS);
    call->restart = kr == KERN_RETRY;
    return kr;
}

kern_return_t kmemory_object_destroy(struct kcall *call, struct paged_object *target,
                                     uint32_t reason)
{
    (void)call;
    kern_return_t kr = check_alive(target);
    if (kr == KERN_SUCCESS)
        paged_object_destroy(target, reason);
    return kr;
}
