/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages: the copy that the sender makes (kern/ool.h: V1 to V3, V5). The MAP lock is held for each step, so that no
 * fault is in the midst: what one finds later is not the sender's alone, and may not be written.
 *
 *    NEW -> ENDS -> TAKING -> (SETTLING) -> (SPLITTING) -> READY      one thing: its amap is copied as it is
 *        -> MERGING ----------------------> (SPLITTING) -> READY      several
 */
#include "map_impl.h"
#include <kern/ool.h>
#include <kern/paged_object.h>
#include <kern/pin.h>
#include <kern/string.h>
#include <kern/swap.h>
#include <kern/thread.h>

/* Entries that are looked at in one go to see whether they are one thing. */
enum { RUN_MAX = 16 };

/* The sender's whole pages; none: start >= end. */
static vaddr_t whole_start(const struct kool *ool)
{
    return round_up(ool->source, PAGE_SIZE);
}
static vaddr_t whole_end(const struct kool *ool)
{
    return round_down(ool->source + ool->size, PAGE_SIZE);
}

static bool is_whole(const struct kool *ool, vaddr_t page)
{
    return page >= whole_start(ool) && page < whole_end(ool);
}

static uint64_t number_in(const struct kool *ool, vaddr_t page)
{
    return ool->memory.amap_page + ((page - ool_first(ool)) >> PAGE_SHIFT);
}

/* ---- what is there ---- */

static kern_return_t readable_at(struct task *task, vaddr_t va, struct map_entry **out)
{
    *out = map_at(&task->map, va);
    if (!*out)
        return KERN_INVALID_ADDRESS;
    bool readable = ((*out)->prot & PROT_READ) && !entry_is_device(*out);
    return readable ? KERN_SUCCESS : KERN_PROTECTION_FAILURE;
}

/* The page's anon, with a reference, if it has one. */
static struct anon *anon_at(const struct map_entry *entry, vaddr_t page)
{
    if (!entry->amap)
        return NULL;
    spin_lock(&entry->amap->lock);
    struct anon *anon = amap_lookup(entry->amap, amap_page_at(entry, page));
    if (anon)
        anon_ref(anon);
    spin_unlock(&entry->amap->lock);
    return anon;
}

/* KERN_RETRY: the current thread is to wait for it. */
static kern_return_t anon_content(struct thread *self, vaddr_t page, struct anon *anon,
                                  const char **out)
{
    struct frame *frame = anon_frame(anon);
    kern_return_t kr = frame ? KERN_SUCCESS : swap_need(self, anon, page);
    if (kr == KERN_SUCCESS)
        *out = frame_memory(anon_frame_held(anon));
    return kr;
}

/* A pager's page, which stays as it is while its object is locked. KERN_RETRY: the sender is to wait for it. */
static kern_return_t paged_content(struct thread *self, const struct map_entry *entry, vaddr_t page,
                                   const char **out)
{
    struct paged_object *object = paged_of(entry->object);
    uint64_t number = object_page_at(entry, page);
    struct anon *anon = paged_lookup(object, number);
    if (!anon)
        return paged_need(object, self, number, (entry->end - page) >> PAGE_SHIFT, page, PROT_READ);
    return anon_content(self, page, anon, out);
}

/* NULL: nobody has touched it, it is zero. A paged object is locked. */
static kern_return_t object_content(struct thread *self, const struct map_entry *entry,
                                    vaddr_t page, const char **out)
{
    const struct memory_object *object = entry->object;
    *out = NULL;
    if (!object)
        return KERN_SUCCESS;
    if (object->kind == OBJECT_PAGED)
        return paged_content(self, entry, page, out);
    if (object->kind != OBJECT_PHYSICAL) /* nothing that could be copied */
        return KERN_MEMORY_ERROR;
    *out = phys_to_virt(object->base + (object_page_at(entry, page) << PAGE_SHIFT));
    return KERN_SUCCESS;
}

/* ---- single pages ---- */

static kern_return_t need_amap(struct task *task, struct kool *ool)
{
    return ool->memory.amap ? KERN_SUCCESS : amap_create(task->ledger, &ool->memory.amap);
}

/* An anon becomes a page of the message; takes the reference, if it succeeds. */
static kern_return_t put_anon(struct kool *ool, vaddr_t page, struct anon *anon)
{
    struct amap *amap = ool->memory.amap;
    uint64_t number = number_in(ool, page);
    struct anon **slot;
    spin_lock(&amap->lock);
    kern_return_t kr = amap_slot(amap, number, &slot);
    if (kr == KERN_SUCCESS) {
        *slot = anon;
        amap_count_slot(amap, number);
    }
    spin_unlock(&amap->lock);
    return kr;
}

/* A new page with those bytes of the page's content that are in the range (V2). */
static kern_return_t put_copy(struct task *task, struct kool *ool, vaddr_t page,
                              const char *content)
{
    vaddr_t from = ool->source > page ? ool->source : page, end = ool->source + ool->size;
    if (end > page + PAGE_SIZE)
        end = page + PAGE_SIZE;
    struct anon *anon;
    kern_return_t kr = anon_create(task->ledger, !is_whole(ool, page), &anon);
    if (kr != KERN_SUCCESS)
        return kr;
    char *to = frame_memory(anon_frame_held(anon));
    memcpy(to + (from - page), content + (from - page), end - from);
    kr = put_anon(ool, page, anon);
    if (kr != KERN_SUCCESS)
        anon_unref(anon);
    return kr;
}

static kern_return_t copy_content(struct thread *self, struct kool *ool,
                                  const struct map_entry *entry, vaddr_t page, struct anon *anon)
{
    const char *content = NULL;
    kern_return_t kr = KERN_SUCCESS;
    if (anon)
        kr = anon_content(self, page, anon, &content);
    else
        kr = object_content(self, entry, page, &content);
    if (kr == KERN_SUCCESS && content)
        kr = need_amap(self->task, ool);
    if (kr == KERN_SUCCESS && content)
        kr = put_copy(self->task, ool, page, content);
    if (content && !anon && !memory_object_is_trusted(entry->object))
        ool->was_pagers = true;
    return kr;
}

static kern_return_t copy_page(struct thread *self, struct kool *ool, const struct map_entry *entry,
                               vaddr_t page)
{
    struct paged_object *paged =
        entry->object && entry->object->kind == OBJECT_PAGED ? paged_of(entry->object) : NULL;
    if (paged)
        spin_lock(&paged->lock);
    struct anon *anon = anon_at(entry, page);
    kern_return_t kr = copy_content(self, ool, entry, page, anon);
    if (paged)
        spin_unlock(&paged->lock);
    if (anon)
        anon_unref(anon);
    return swap_wait_if_short(self, page, kr);
}

/* Nobody may write to it in place from now on: there is one more who sees it. */
static kern_return_t share_page(struct task *task, struct kool *ool, const struct map_entry *entry,
                                vaddr_t page, struct anon *anon)
{
    kern_return_t kr = need_amap(task, ool);
    if (kr == KERN_SUCCESS)
        kr = put_anon(ool, page, anon);
    if (kr != KERN_SUCCESS) {
        anon_unref(anon);
        return kr;
    }
    struct frame *frame = entry->shared ? anon_frame_if_any(anon) : NULL;
    if (frame)
        pmap_page_protect(frame, PROT_READ | PROT_EXECUTE);
    else if (!entry->shared)
        (void)pmap_protect(task->pmap, page, page + PAGE_SIZE, PROT_READ | PROT_EXECUTE);
    return KERN_SUCCESS;
}

/* ---- several things: page by page ---- */

/* From ool->at on, the first page that is something: in the amap, or the object's. */
static void skip_untouched(struct kool *ool, const struct map_entry *entry)
{
    if (entry->object)
        return;
    vaddr_t end = entry->end;
    if (entry->amap) {
        uint64_t number = amap_page_at(entry, ool->at);
        spin_lock(&entry->amap->lock);
        if (amap_next(entry->amap, &number) && number < amap_page_at(entry, end))
            end = entry->start + ((number - entry->amap_page) << PAGE_SHIFT);
        spin_unlock(&entry->amap->lock);
    }
    ool->at = end;
}

static kern_return_t merge_page(struct thread *self, struct kool *ool)
{
    struct task *task = self->task;
    struct map_entry *entry;
    kern_return_t kr = readable_at(task, ool->at, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    skip_untouched(ool, entry);
    vaddr_t page = ool->at;
    if (page >= entry->end || page >= ool_end(ool))
        return KERN_SUCCESS;
    struct anon *anon = is_whole(ool, page) ? anon_at(entry, page) : NULL;
    if (unlikely(
            anon &&
            anon_is_pinned(
                anon))) { /* a device may write to it. Who pins it from here on does not pin this one */
        anon_unref(anon);
        anon = NULL;
    }
    kr = anon ? share_page(task, ool, entry, page, anon) : copy_page(self, ool, entry, page);
    if (kr == KERN_SUCCESS)
        ool->at = page + PAGE_SIZE;
    return kr;
}

static void end_merging(struct kool *ool)
{
    if (ool->at >= ool_end(ool))
        ool->state = OOL_SPLITTING;
}

/* ---- one thing ---- */

static bool continues(const struct map_entry *entry, const struct map_entry *next)
{
    return entry->amap == next->amap && entry->object == next->object &&
           entry->shared == next->shared &&
           (!entry->amap || next->amap_page == amap_page_at(entry, entry->end)) &&
           (!entry->object || next->object_page == object_page_at(entry, entry->end));
}

/* Everything is there as far as has been looked; *one: to the end, and it is one thing. */
static kern_return_t look(struct task *task, const struct kool *ool, bool *one)
{
    vaddr_t at = ool_first(ool), end = ool_end(ool);
    struct map_entry *entry = NULL;
    *one = true;
    for (unsigned n = 0; at < end; n++) {
        struct map_entry *before = entry;
        if (n == RUN_MAX) {
            *one = false;
            return KERN_SUCCESS;
        }
        kern_return_t kr = readable_at(task, at, &entry);
        if (kr != KERN_SUCCESS)
            return kr;
        if (before && !continues(before, entry))
            *one = false;
        at = entry->end;
    }
    if (entry && entry->object && !memory_object_is_trusted(entry->object)) /* V5 */
        *one = false;
    return KERN_SUCCESS;
}

/* The entry's amap has pages of the range, perhaps, that are wholly in it. */
static kern_return_t share_amap(struct task *task, struct kool *ool, const struct map_entry *entry)
{
    vaddr_t from = whole_start(ool), end = whole_end(ool);
    if (!entry->amap || from >= end)
        return KERN_SUCCESS;
    uint64_t number = amap_page_at(entry, ool_first(ool));
    uint64_t first = number + ((from - ool_first(ool)) >> PAGE_SHIFT);
    kern_return_t kr =
        amap_copy(entry->amap, first, (end - from) >> PAGE_SHIFT, task->ledger, &ool->memory.amap);
    if (kr != KERN_SUCCESS)
        return kr;
    ool->memory.amap_page = number;
    if (entry->shared) {
        amap_ref(ool->from = entry->amap);
        ool->from_page = first;
    } else {
        task->map.copying++; /* G6 */
        ool->taking = true;
    }
    return KERN_SUCCESS;
}

static kern_return_t begin(struct task *task, struct kool *ool)
{
    bool one;
    kern_return_t kr = look(task, ool, &one);
    if (kr != KERN_SUCCESS)
        return kr;
    ool->at = ool_first(ool);
    if (!one) {
        ool->state = OOL_MERGING;
        return KERN_SUCCESS;
    }
    const struct map_entry *entry = map_at(&task->map, ool->at);
    kr = share_amap(task, ool, entry);
    if (kr != KERN_SUCCESS)
        return kr;
    if (entry->object) {
        memory_object_ref(ool->memory.object = entry->object);
        ool->memory.object_page = object_page_at(entry, ool->at);
    }
    ool->state = OOL_ENDS;
    return KERN_SUCCESS;
}

/* The first and the last page, one at a time; `at` is beyond what has been copied. */
static kern_return_t copy_ends(struct thread *self, struct kool *ool)
{
    vaddr_t first = ool_first(ool), last = ool_end(ool) - PAGE_SIZE;
    vaddr_t page = ool->at == first && !is_whole(ool, first) ? first : last;
    struct map_entry *entry;
    kern_return_t kr = KERN_SUCCESS;
    if (!is_whole(ool, page))
        kr = readable_at(self->task, page, &entry);
    if (kr == KERN_SUCCESS && !is_whole(ool, page))
        kr = copy_page(self, ool, entry, page);
    if (kr != KERN_SUCCESS) /* it may have to be waited for */
        return kr;
    ool->at = page + PAGE_SIZE;
    if (page == last) {
        ool->at = whole_start(ool);
        ool->state = OOL_TAKING;
    }
    return kr;
}

/* Nobody can write to it in place, but devices, perhaps. */
static void end_taking(struct kool *ool)
{
    bool settled = !ool->memory.amap || !ool->memory.amap->unsettled;
    ool->from_page = ool->memory.amap_page;
    ool->state = settled ? OOL_SPLITTING : OOL_SETTLING;
}

static kern_return_t settle(struct thread *self, struct kool *ool)
{
    uint64_t end = number_in(ool, ool_end(ool));
    kern_return_t kr = amap_settle(ool->memory.amap, &ool->from_page, end);
    vaddr_t page = ool_first(ool) + ((ool->from_page - ool->memory.amap_page) << PAGE_SHIFT);
    if (kr == KERN_SUCCESS)
        ool->state = OOL_SPLITTING;
    return swap_wait_if_short(self, page, kr);
}

/* From the sender's page tables, if the memory is its own; a piece. */
static void take_writing(struct task *task, struct kool *ool)
{
    vaddr_t end = whole_end(ool);
    if (ool->taking && ool->at < end)
        ool->at = pmap_protect(task->pmap, ool->at, end, PROT_READ | PROT_EXECUTE);
    else
        ool->at = end;
    if (ool->at < end)
        return;
    task->map.copying -= ool->taking;
    ool->taking = false;
    end_taking(ool);
}

/* From all who map it. No fault of the sender has been in the midst since it was copied. */
static kern_return_t take_writing_of_all(struct kool *ool)
{
    uint64_t end = number_in(ool, whole_end(ool));
    kern_return_t kr = map_take_writing(ool->from, &ool->from_page, end);
    if (kr == KERN_SUCCESS) {
        amap_unref(ool->from);
        ool->from = NULL;
        end_taking(ool);
    }
    return kr;
}

/* ---- what will be lost ---- */

static kern_return_t leave_alone(struct task *task, struct map_entry *entry, vaddr_t *at,
                                 const void *argument)
{
    (void)task, (void)argument;
    *at = entry->end;
    return KERN_SUCCESS;
}

/* So that it can go when the message is on its way, for which it is too late to fail. */
static kern_return_t split(struct task *task, struct kool *ool)
{
    kern_return_t kr = KERN_SUCCESS;
    vaddr_t at = ool_first(ool);
    if (ool->loss)
        kr = map_for_range(task, &at, ool_end(ool), true, leave_alone, NULL);
    if (kr == KERN_SUCCESS)
        ool->state = OOL_READY;
    return kr;
}

/* ---- steps ---- */

static kern_return_t step(struct thread *self, struct kool *ool)
{
    struct task *task = self->task;
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->map.lock);
    switch (ool->state) {
    case OOL_NEW: kr = begin(task, ool); break;
    case OOL_MERGING:
        kr = merge_page(self, ool);
        end_merging(ool);
        break;
    case OOL_ENDS: kr = copy_ends(self, ool); break;
    default: take_writing(task, ool); break;
    }
    spin_unlock(&task->map.lock);
    return kr;
}

kern_return_t ool_copy_some(struct thread *self, struct kool *ool)
{
    struct task *task = self->task;
    kern_return_t kr = KERN_SUCCESS;
    if (ool->state == OOL_READY)
        return kr;
    if (unlikely(self->page.object)) /* what it was about to wait for is asked for anew */
        paged_forget(self);
    do {
        if (ool->state == OOL_SPLITTING)
            kr = split(task, ool);
        else if (ool->state == OOL_SETTLING)
            kr = settle(self, ool);
        else if (ool->state == OOL_TAKING && ool->from)
            kr = take_writing_of_all(ool);
        else
            kr = step(self, ool);
    } while (kr == KERN_SUCCESS && ool->state != OOL_READY && !arch_irq_pending());
    return kr == KERN_SUCCESS && ool->state != OOL_READY ? KERN_RETRY : kr;
}
