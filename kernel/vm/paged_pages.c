/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of a paged object that are here (kern/paged_object.h: Q2, Q3). The object's lock guards its amap, whose own is
 * taken for the amap's sake only.
 */
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/vm_count.h>
#include <wharf/if/memory_object_types.h>

/* A page's flags, beside FRAME_FLAG_DIRTY: it is to be announced; it has been, or is about to be; it goes when it has been
 * fetched. The object's lock. */
enum {
    RETURN_DUE = FRAME_FLAG_OWNER,
    RETURNING = FRAME_FLAG_OWNER << 1,
    GOES = FRAME_FLAG_OWNER << 2
};

static unsigned flags_of(const struct anon *anon)
{
    return atomic_load_explicit(&anon_frame((struct anon *)(uintptr_t)anon)->flags,
                                memory_order_relaxed);
}

static void change_flags(struct anon *anon, unsigned clear, unsigned set)
{
    struct frame *frame = anon_frame(anon);
    assert(frame); /* it does not page out */
    if (clear)
        atomic_fetch_and_explicit(&frame->flags, (uint16_t)~clear, memory_order_relaxed);
    if (set)
        atomic_fetch_or_explicit(&frame->flags, (uint16_t)set, memory_order_relaxed);
}

static bool may_be_seen(const struct paged_object *object)
{
    return object->state == PAGED_READY || object->state == PAGED_DEAD;
}

struct anon *paged_lookup(const struct paged_object *object, uint64_t page)
{
    return may_be_seen(object) ? amap_lookup(object->cache, page) : NULL;
}

void paged_note_write(struct anon *anon)
{
    change_flags(anon, 0, FRAME_FLAG_DIRTY);
}

bool paged_is_written(const struct anon *anon)
{
    return flags_of(anon) & FRAME_FLAG_DIRTY;
}

/* ---- in ---- */

static kern_return_t put(struct paged_object *object, uint64_t page, struct anon *anon, bool *taken)
{
    struct anon **slot;
    *taken = false;
    if (object->state != PAGED_READY)
        return KERN_TERMINATED;
    if (page >= object->object.pages || amap_lookup(object->cache, page))
        return KERN_SUCCESS;
    spin_lock(&object->cache->lock);
    kern_return_t kr = amap_slot(object->cache, page, &slot);
    if (kr == KERN_SUCCESS) {
        *slot = anon;
        amap_count_slot(object->cache, page);
        *taken = true;
    }
    spin_unlock(&object->cache->lock);
    return kr;
}

kern_return_t paged_put(struct paged_object *object, uint64_t page, struct anon *anon)
{
    bool taken;
    change_flags(anon, FRAME_FLAG_DIRTY | RETURN_DUE | RETURNING | GOES, 0);
    spin_lock(&object->lock);
    kern_return_t kr = put(object, page, anon, &taken);
    spin_unlock(&object->lock);
    if (kr == KERN_SUCCESS && !taken)
        anon_unref(anon);
    if (taken)
        vm_count(VM_COUNT_PAGE_INS);
    return kr;
}

/* ---- out; the lock is held ---- */

/* One that was RETURNING is so no more. */
static void one_fetched(struct paged_object *object)
{
    object->unfetched--;
    if (list_is_empty(&object->waiting))
        return;
    object->wake_waiting = true; /* perhaps somebody awaited it (paged_sync.c) */
    work_start(&object->work);
}

/* Out of the cache and of all page tables. */
static void take_out(struct paged_object *object, uint64_t page, struct anon *anon)
{
    if (flags_of(anon) & RETURNING)
        one_fetched(object);
    change_flags(anon, RETURN_DUE | RETURNING | GOES, 0);
    anon_ref(anon);
    (void)amap_remove(object->cache, page, 1); /* the tree is this amap's alone */
    pmap_page_protect(anon_frame(anon), PROT_NONE);
    anon_unref(anon);
}

static void make_return(struct paged_object *object, uint64_t page, struct anon *anon, bool goes)
{
    bool told = flags_of(anon) & RETURNING; /* it comes as it is when it is fetched */
    change_flags(anon, 0, (told ? 0u : RETURN_DUE | RETURNING) | (goes ? GOES : 0u));
    if (told)
        return;
    object->unfetched++;
    if (!object->returning || page < object->announce)
        object->announce = page;
    object->returning = true;
}

kern_return_t paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                              unsigned what, bool flush)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    if (object->state != PAGED_READY)
        kr = KERN_TERMINATED;
    else if (!amap_next(object->cache, page) || *page >= end)
        *page = end;
    else {
        struct anon *anon = amap_lookup(object->cache, *page);
        bool dirty = paged_is_written(anon);
        if (what == MEMORY_OBJECT_RETURNS_ALL || (what == MEMORY_OBJECT_RETURNS_DIRTY && dirty))
            make_return(object, *page, anon, flush);
        else if (flush)
            take_out(object, *page, anon);
        ++*page;
    }
    spin_unlock(&object->lock);
    return kr;
}

bool paged_next_returning(struct paged_object *object, uint64_t *page, uint64_t end)
{
    enum { LOOK_AT = 64 };
    for (unsigned n = 0; n < LOOK_AT; n++, ++*page) {
        if (!amap_next(object->cache, page) || *page >= end) {
            *page = end;
            return false;
        }
        if (flags_of(amap_lookup(object->cache, *page)) & RETURNING)
            return true;
    }
    return false;
}

/* ---- fetched ---- */

static void no_longer_awaited(struct paged_object *object)
{
    one_fetched(object);
    if (object->unfetched == 0 && (object->locking || object->state == PAGED_ENDING))
        work_start(&object->work);
}

kern_return_t paged_collect_begin(struct paged_object *object, uint64_t page, struct anon **out)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    struct anon *anon = object->state == PAGED_GONE ? NULL : amap_lookup(object->cache, page);
    if (!anon || object->state == PAGED_INIT) {
        kr = KERN_NOT_FOUND;
    } else {
        /* Who writes to it from here on makes it dirty anew. */
        pmap_page_protect(anon_frame(anon), PROT_READ | PROT_EXECUTE);
        change_flags(anon, FRAME_FLAG_DIRTY, 0);
        anon_ref(anon);
        *out = anon;
    }
    spin_unlock(&object->lock);
    return kr;
}

void paged_collect_end(struct paged_object *object, uint64_t page, struct anon *anon, bool fetched)
{
    spin_lock(&object->lock);
    bool there = object->state != PAGED_GONE && amap_lookup(object->cache, page) == anon;
    if (!fetched)
        paged_note_write(anon); /* it may have been */
    else if (there && (flags_of(anon) & RETURNING)) {
        vm_count(VM_COUNT_PAGE_OUTS);
        bool goes = flags_of(anon) & GOES, again = paged_is_written(anon);
        change_flags(anon, RETURN_DUE | RETURNING | GOES, 0);
        no_longer_awaited(object);
        if (goes && again)
            make_return(object, page, anon, true);
        else if (goes)
            take_out(object, page, anon);
        if (object->returning)
            work_start(&object->work);
    }
    spin_unlock(&object->lock);
    anon_unref(anon);
}

/* ---- announcing; the lock is held ---- */

static bool is_due(const struct paged_object *object, uint64_t page, struct anon **anon)
{
    *anon = amap_lookup(object->cache, page);
    return *anon && (flags_of(*anon) & RETURN_DUE);
}

bool paged_next_return(struct paged_object *object, uint64_t *page, uint64_t *count, bool *dirty,
                       bool *kept)
{
    enum { LOOK_AT = 64, RUN = 16 };
    struct anon *anon = NULL;
    for (unsigned n = 0; n < LOOK_AT; n++) {
        if (!amap_next(object->cache, &object->announce)) {
            object->returning = false;
            return false;
        }
        if (is_due(object, object->announce, &anon))
            break;
        object->announce++;
        anon = NULL;
    }
    if (!anon) {
        work_start(&object->work); /* goes on there */
        return false;
    }
    *page = object->announce;
    *kept = !(flags_of(anon) & GOES);
    *dirty = paged_is_written(anon);
    for (*count = 0; *count < RUN && is_due(object, *page + *count, &anon); ++*count) {
        if (*kept == !!(flags_of(anon) & GOES) || *dirty != paged_is_written(anon))
            break;
        change_flags(anon, RETURN_DUE, 0);
    }
    object->announce = *page + *count;
    return true;
}

/* ---- the end ---- */

bool paged_return_all(struct paged_object *object)
{
    enum { LOOK_AT = 64 };
    for (unsigned n = 0; n < LOOK_AT; n++, object->lock_page++) {
        if (!amap_next(object->cache, &object->lock_page))
            return false;
        struct anon *anon = amap_lookup(object->cache, object->lock_page);
        if (paged_is_written(anon))
            make_return(object, object->lock_page, anon, true);
    }
    return true;
}

bool paged_drop_some(struct paged_object *object)
{
    spin_lock(&object->lock);
    (void)amap_remove(object->cache, 0, PAGED_PAGES_MAX);
    bool more = object->cache->root != NULL;
    spin_unlock(&object->lock);
    return more;
}

bool paged_flush_some(struct paged_object *object)
{
    enum { BATCH = 4 };
    uint64_t page = 0;
    bool more = true;
    for (unsigned n = 0; n < BATCH && more; n++) {
        more = amap_next(object->cache, &page);
        if (more)
            take_out(object, page, amap_lookup(object->cache, page));
    }
    return more;
}
