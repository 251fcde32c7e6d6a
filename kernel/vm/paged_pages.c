/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of a paged object that are here (kern/paged_object.h: Q2, Q3). The object's lock guards its amap, whose own is
 * taken for the amap's sake only.
 */
#include <arch/timer.h>
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/swap.h>
#include <kern/vm_count.h>
#include <wharf/if/memory_object_types.h>

/* A page's flags: it is to be announced; it has been, or is about to be; it goes when it has been fetched; it may have been
 * written to; a lock_request awaits its being fetched; it goes, unless it is wired: the kernel wants that, not the pager. The object's lock. Not FRAME_FLAG_DIRTY, which page tables set that
 * show it no longer. */
enum {
    RETURN_DUE = FRAME_FLAG_OWNER,
    RETURNING = FRAME_FLAG_OWNER << 1,
    GOES = FRAME_FLAG_OWNER << 2,
    WRITTEN = FRAME_FLAG_OWNER << 3,
    ASKED = FRAME_FLAG_OWNER << 4,
    MAY_STAY = FRAME_FLAG_OWNER_TOO,
    ALL_FLAGS = RETURN_DUE | RETURNING | GOES | WRITTEN | ASKED | MAY_STAY,
};

/* They go out with the page, and come back with it (kern/swap.h: S8). */
static unsigned flags_of(const struct anon *anon)
{
    const struct frame *frame = anon_frame((struct anon *)(uintptr_t)anon);
    return likely(frame) ? atomic_load_explicit(&frame->flags, memory_order_relaxed)
                         : swap_owner_flags(anon);
}

static void change_flags(struct anon *anon, unsigned clear, unsigned set)
{
    struct frame *frame = anon_frame(anon);
    if (unlikely(!frame)) {
        swap_change_owner_flags(anon, clear, set);
        return;
    }
    if (clear)
        atomic_fetch_and_explicit(&frame->flags, (uint16_t)~clear, memory_order_relaxed);
    if (set)
        atomic_fetch_or_explicit(&frame->flags, (uint16_t)set, memory_order_relaxed);
}

static bool is_loose(unsigned flags)
{
    return (flags & (WRITTEN | RETURNING)) == WRITTEN;
}

/* One that was RETURNING is so no more: perhaps somebody awaited that (paged_sync.c). */
static void wake_syncing(struct paged_object *object)
{
    if (list_is_empty(&object->waiting))
        return;
    object->wake_waiting = true;
    work_start(&object->work);
}

/* The same for a page that is in the object, with the counts. */
static void change(struct paged_object *object, struct anon *anon, unsigned clear, unsigned set)
{
    unsigned before = flags_of(anon), after = (before & ~clear) | set;
    int64_t dirty = !!(after & WRITTEN) - !!(before & WRITTEN);
    int64_t loose = is_loose(after) - is_loose(before);
    change_flags(anon, clear, set);
    if (object->state >= PAGED_DROPPING) /* nothing is counted any more */
        return;
    object->unfetched += (uint64_t)(!!(after & RETURNING) - !!(before & RETURNING));
    object->asked += (uint64_t)(!!(after & ASKED) - !!(before & ASKED));
    if (before & ~after & RETURNING)
        wake_syncing(object);
    if (dirty || loose)
        paged_volume_count(object, dirty, loose);
}

static bool may_be_seen(const struct paged_object *object)
{
    return object->state == PAGED_READY || object->state == PAGED_DEAD;
}

struct anon *paged_lookup(const struct paged_object *object, uint64_t page)
{
    return may_be_seen(object) ? amap_lookup(object->cache, page) : NULL;
}

void paged_note_write(struct paged_object *object, struct anon *anon)
{
    change(object, anon, 0, WRITTEN);
}

bool paged_is_written(const struct anon *anon)
{
    return flags_of(anon) & WRITTEN;
}

bool paged_is_unanswered(const struct paged_object *object, const struct anon *anon)
{
    return (flags_of(anon) & RETURNING) && object->fetch_until <= arch_counter();
}

/* ---- in ---- */

static kern_return_t put(struct paged_object *object, uint64_t page, struct anon *anon, bool *taken)
{
    struct anon **slot;
    *taken = false;
    if (object->state == PAGED_CACHED) /* nobody waits for it any more */
        return KERN_SUCCESS;
    if (object->state != PAGED_READY)
        return KERN_TERMINATED;
    if (page >= object->object.pages || amap_lookup(object->cache, page))
        return KERN_SUCCESS;
    spin_lock(&object->cache->lock);
    kern_return_t kr = amap_slot(object->cache, page, &slot);
    bool is_way = kr == KERN_SUCCESS;
    if (is_way)
        kr = anon_recharge(anon, object->object.ledger);
    if (is_way && kr != KERN_SUCCESS)
        amap_forget_slot(object->cache, page);
    if (kr == KERN_SUCCESS) {
        *slot = anon;
        amap_count_slot(object->cache, page);
        pageout_tag(anon_frame_held(anon), object, page);
        *taken = true;
    }
    spin_unlock(&object->cache->lock);
    return kr;
}

kern_return_t paged_put(struct paged_object *object, uint64_t page, struct anon *anon)
{
    bool taken;
    anon_keep(anon); /* it is this object's to give back */
    change_flags(anon, ALL_FLAGS, 0);
    spin_lock(&object->lock);
    kern_return_t kr = put(object, page, anon, &taken);
    spin_unlock(&object->lock);
    if (kr != KERN_SUCCESS)
        anon_keep_no_more(anon);
    else if (!taken)
        anon_unref(anon);
    if (taken)
        vm_count(VM_COUNT_PAGE_INS);
    return kr;
}

/* ---- out; the lock is held ---- */

/* Out of the cache and of all page tables. */
static void take_out(struct paged_object *object, uint64_t page, struct anon *anon)
{
    change(object, anon, ALL_FLAGS, 0);
    anon_ref(anon);
    struct frame *frame = anon_frame_if_any(anon);
    if (frame)
        anon_keep(anon); /* it is not this object's any more; who has it yet gives it back soon */
    (void)amap_remove(object->cache, page, 1); /* the tree is this amap's alone */
    if (frame)
        pmap_page_protect(frame, PROT_NONE);
    anon_unref(anon);
}

/* `more`: GOES, MAY_STAY, ASKED. */
static void make_return(struct paged_object *object, uint64_t page, struct anon *anon,
                        unsigned more)
{
    bool told = flags_of(anon) & RETURNING; /* it comes as it is when it is fetched */
    if (object->unfetched == 0)
        object->fetch_until = paged_patience_ends();
    bool must_go = (more & GOES) && !(more & MAY_STAY), goes = flags_of(anon) & GOES;
    if (goes && (more & MAY_STAY))
        more &= ~(unsigned)MAY_STAY; /* if it had to go it still has to */
    change(object, anon, must_go ? MAY_STAY : 0, (told ? 0u : RETURN_DUE | RETURNING) | more);
    if (told)
        return;
    if (!object->returning)
        object->run.count = 0; /* of an earlier time, if it ended early */
    if (!object->returning || page < object->announce)
        object->announce = page;
    object->returning = true;
}

kern_return_t paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                              unsigned what, bool flush, bool notify)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    if (object->state != PAGED_READY && object->state != PAGED_CACHED)
        kr = KERN_TERMINATED;
    else if (!amap_next(object->cache, page) || *page >= end)
        *page = end;
    else {
        struct anon *anon = amap_lookup(object->cache, *page);
        bool dirty = paged_is_written(anon);
        if (what == MEMORY_OBJECT_RETURNS_ALL || (what == MEMORY_OBJECT_RETURNS_DIRTY && dirty))
            make_return(object, *page, anon, (flush ? GOES : 0u) | (notify ? ASKED : 0u));
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

/* The pager has fetched one: it is not too late for the others. */
static void no_longer_awaited(struct paged_object *object)
{
    object->fetch_until = paged_patience_ends();
    if ((object->locking && object->asked == 0) ||
        (object->state == PAGED_ENDING && object->unfetched == 0))
        work_start(&object->work);
}

kern_return_t paged_collect_begin(struct paged_object *object, struct thread *self, uint64_t page,
                                  struct anon **out)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&object->lock);
    struct anon *anon = object->state == PAGED_GONE ? NULL : amap_lookup(object->cache, page);
    if (!anon || object->state == PAGED_INIT) {
        kr = KERN_NOT_FOUND;
    } else if (!anon_frame(anon) && (kr = swap_need(self, anon, page)) != KERN_SUCCESS) {
        /* it has gone to swap meanwhile, and comes back for this */
    } else {
        /* Who writes to it from here on makes it dirty anew. */
        pmap_page_protect(anon_frame_held(anon), PROT_READ | PROT_EXECUTE);
        change(object, anon, WRITTEN, 0);
        anon_ref(anon);
        *out = anon;
    }
    spin_unlock(&object->lock);
    return kr;
}

static bool goes_when_fetched(const struct anon *anon, struct frame *frame)
{
    unsigned flags = flags_of(anon);
    bool stays = (flags & MAY_STAY) && frame && pmap_page_is_wired(frame);
    return (flags & GOES) && !stays;
}

void paged_collect_end(struct paged_object *object, uint64_t page, struct anon *anon, bool fetched)
{
    spin_lock(&object->lock);
    bool there = object->state != PAGED_GONE && amap_lookup(object->cache, page) == anon;
    if (there && !fetched)
        paged_note_write(object, anon); /* it may have been */
    else if (there && (flags_of(anon) & RETURNING)) {
        vm_count(VM_COUNT_PAGE_OUTS);
        struct frame *frame = anon_frame_if_any(anon);
        bool goes = goes_when_fetched(anon, frame), again = paged_is_written(anon);
        unsigned kept = flags_of(anon) & (ASKED | MAY_STAY);
        change(object, anon, RETURN_DUE | RETURNING | GOES | ASKED | MAY_STAY, 0);
        if (frame && !goes &&
            object->state < PAGED_DROPPING) /* it may have been to swap: it is an object's again */
            pageout_tag(frame, object, page);
        if (goes && again)
            make_return(object, page, anon, GOES | kept);
        else if (goes)
            take_out(object, page, anon);
        no_longer_awaited(object);
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
    return *anon && (flags_of(*anon) & (page < object->again ? RETURN_DUE : RETURNING));
}

void paged_return_again(struct paged_object *object)
{
    if (object->unfetched == 0)
        return;
    object->announce = object->again = object->run.count = 0;
    object->returning = true;
}

/* Pages before this one have been announced. */
static void announce_from(struct paged_object *object, uint64_t page)
{
    object->announce = page;
    if (object->again < page)
        object->again = page;
}

/* The next page that is due, if it is near. */
static struct anon *find_due(struct paged_object *object)
{
    enum { LOOK_AT = 8 };
    struct anon *anon;
    for (unsigned n = 0; n < LOOK_AT; n++) {
        if (!amap_next(object->cache, &object->announce)) {
            object->returning = false;
            object->again = UINT64_MAX;
            return NULL;
        }
        if (is_due(object, object->announce, &anon))
            return anon;
        announce_from(object, object->announce + 1);
    }
    work_start(&object->work); /* goes on there */
    return NULL;
}

/* True: it may go on. */
static bool lengthen(struct paged_object *object)
{
    enum { LOOK_AT = 16 };
    struct paged_run *run = &object->run;
    struct anon *anon;
    for (unsigned n = 0; n < LOOK_AT; n++) {
        uint64_t page = run->page + run->count;
        if (run->count == PAGED_RETURN_MAX || object->announce != page ||
            !is_due(object, page, &anon) || run->kept == !!(flags_of(anon) & GOES) ||
            run->dirty != paged_is_written(anon))
            return false;
        change_flags(anon, RETURN_DUE, 0);
        run->count++;
        announce_from(object, page + 1);
    }
    return run->count < PAGED_RETURN_MAX;
}

bool paged_next_return(struct paged_object *object, struct paged_run *out)
{
    struct paged_run *run = &object->run;
    if (run->count == 0) {
        struct anon *anon = find_due(object);
        if (!anon)
            return false;
        *run = (struct paged_run){.page = object->announce,
                                  .dirty = paged_is_written(anon),
                                  .kept = !(flags_of(anon) & GOES)};
    }
    if (lengthen(object)) {
        work_start(&object->work); /* goes on there */
        return false;
    }
    *out = *run;
    run->count = 0;
    return true;
}

/* ---- the end ---- */

bool paged_return_all(struct paged_object *object, uint64_t *page, bool goes)
{
    enum { LOOK_AT = 8 };
    for (unsigned n = 0; n < LOOK_AT; n++, ++*page) {
        if (!amap_next(object->cache, page))
            return false;
        struct anon *anon = amap_lookup(object->cache, *page);
        if (paged_is_written(anon))
            make_return(object, *page, anon, goes ? GOES | MAY_STAY : 0u);
    }
    return true;
}

bool paged_recharge_some(struct paged_object *object, struct ledger *ledger)
{
    enum { LOOK_AT = 8 };
    for (unsigned n = 0; n < LOOK_AT; n++, object->scan_page++) {
        if (!amap_next(object->cache, &object->scan_page))
            return false;
        struct anon *anon = amap_lookup(object->cache, object->scan_page);
        if (anon_recharge(anon, ledger) != KERN_SUCCESS)
            take_out(object, object->scan_page, anon);
    }
    return true;
}

void paged_forget_written(struct paged_object *object)
{
    if (object->dirty > 0)
        paged_volume_count(object, -(int64_t)object->dirty, -(int64_t)object->loose);
    object->unfetched = object->asked = 0;
}

/* The pages are freed by the reaper, when the object may have gone: page-out does not get from them to it from here on (kern/pageout.h: X4). */
static bool hide_some(struct paged_object *object)
{
    enum { BATCH = 8 };
    for (unsigned n = 0; n < BATCH; n++, object->scan_page++) {
        if (!amap_next(object->cache, &object->scan_page))
            return false;
        struct anon *anon = amap_lookup(object->cache, object->scan_page);
        struct frame *frame = anon_frame(anon);
        if (likely(frame))
            anon_hide_frame(frame); /* chosen just now, it keeps its frame for a grace period */
        else
            swap_hide_frame(anon);
    }
    return true;
}

bool paged_drop_some(struct paged_object *object)
{
    spin_lock(&object->lock);
    bool more = hide_some(object);
    if (!more) {
        (void)amap_remove(object->cache, 0, PAGED_PAGES_MAX);
        more = object->cache->root != NULL;
    }
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

/* ---- memory is short ---- */

/* A pager that could be asked for the page again is there. */
static bool has_pager(const struct paged_object *object)
{
    return object->state == PAGED_READY || object->state == PAGED_CACHED;
}

enum paged_evicted paged_evict(struct paged_object *object, uint64_t page,
                               const struct frame *frame)
{
    enum paged_evicted evicted = PAGED_STAYS;
    spin_lock(&object->lock);
    struct anon *anon = object->state < PAGED_DROPPING ? amap_lookup(object->cache, page) : NULL;
    if (!anon || anon_frame(anon) != frame ||
        atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_WIRED) {
        /* it has gone by itself, or is wired by somebody, meanwhile: with the object's lock, so that it is known here */
    } else if (!has_pager(object) || paged_is_unanswered(object, anon)) {
        if (object->state == PAGED_DEAD || has_pager(object))
            evicted = PAGED_TO_SWAP;
    } else if (flags_of(anon) & RETURNING) {
        evicted = PAGED_AWAITED;
    } else if (flags_of(anon) & WRITTEN) {
        make_return(object, page, anon, GOES | MAY_STAY);
        work_start(&object->work);
        evicted = PAGED_GOES_BACK;
    } else {
        take_out(object, page, anon);
        evicted = PAGED_FREE;
    }
    spin_unlock(&object->lock);
    return evicted;
}
