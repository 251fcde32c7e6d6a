/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages (kern/anon.h): how they come and go. What becomes of them in between when memory is short stands in
 * pageout.c and swap_*.c.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <kern/anon.h>
#include <kern/kmem.h>
#include <kern/panic.h>
#include <kern/swap.h>
#include <kern/vm_count.h>

static KMEM_CACHE_MEMORY(anon_cache, struct anon);

/* A frame that A1 can name: memory above 4 TiB is none for anons. PFN_NONE: there is none. */
static inline pfn_t take_frame(void)
{
    pfn_t pfn = frame_take_paid();

    if (unlikely(pfn & ANON_STATE) && pfn != PFN_NONE) {
        frame_free_paid(frame_record(pfn));
        pfn = PFN_NONE;
    }
    return pfn;
}

/* The ledger has been given the reference. */
static inline void make(struct anon *anon, pfn_t pfn, struct ledger *ledger)
{
    struct frame *frame = frame_record(pfn);

    atomic_init(&anon->references, 1);
    atomic_init(&anon->where, pfn);
    frame->owner = anon;
    frame->owner_offset = (uintptr_t)ledger;
    /* Page-out may look at all that from here on; at the content only after a grace period (A4). */
    atomic_store_explicit(&frame->flags, FRAME_FLAG_PAGEABLE, memory_order_release);
}

kern_return_t anon_create(struct ledger *ledger, bool zeroed, struct anon **out)
{
    void *object;
    kern_return_t kr = kmem_alloc_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, &object);

    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    pfn_t pfn = take_frame();
    if (unlikely(pfn == PFN_NONE)) {
        kmem_free_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, object);
        return KERN_RESOURCE_SHORTAGE;
    }

    if (zeroed)
        vm_count(VM_COUNT_ZERO_FILLS);
    ledger_ref(ledger);
    make(object, pfn, ledger);
    *out = object;
    if (zeroed)
        arch_zero_page(phys_to_virt((paddr_t)pfn << PAGE_SHIFT));
    return KERN_SUCCESS;
}

/* Frames of which A1 can name all or none. */
static pfn_t take_run(void)
{
    pfn_t first = frame_take_run_paid(ANON_RUN_ORDER);

    if (likely(!(first & ANON_STATE)))
        return first;
    for (pfn_t pfn = first; first != PFN_NONE && pfn < first + ANON_RUN; pfn++)
        frame_free_paid(frame_record(pfn));
    return PFN_NONE;
}

kern_return_t anon_create_run(struct ledger *ledger, void *out[ANON_RUN])
{
    pfn_t first = take_run();

    if (first == PFN_NONE)
        return KERN_RESOURCE_SHORTAGE;
    kern_return_t kr = kmem_alloc_many(&anon_cache, ledger, LEDGER_FRAMES, ANON_RUN, out);
    if (kr != KERN_SUCCESS) {
        for (unsigned i = 0; i < ANON_RUN; i++)
            frame_free_paid(frame_record(first + i));
        return kr;
    }
    ledger_ref_many(ledger, ANON_RUN);
    vm_count_many(VM_COUNT_ZERO_FILLS, ANON_RUN);
    for (unsigned i = 0; i < ANON_RUN; i++)
        make(out[i], first + i, ledger);
    arch_zero_pages(phys_to_virt((paddr_t)first << PAGE_SHIFT), ANON_RUN);
    return KERN_SUCCESS;
}

/* Returns who paid until now. */
static struct ledger *set_payer(struct anon *anon, struct ledger *ledger)
{
    struct frame *frame = anon_frame(anon);

    if (unlikely(!frame))
        return swap_set_payer(anon, ledger);
    struct ledger *before = (struct ledger *)(uintptr_t)frame->owner_offset;
    frame->owner_offset = (uintptr_t)ledger;
    return before;
}

kern_return_t anon_recharge(struct anon *anon, struct ledger *ledger)
{
    kern_return_t kr = ledger_charge_object(ledger, LEDGER_FRAMES, 1, (int64_t)anon_cache.size);

    if (kr != KERN_SUCCESS)
        return kr;
    ledger_ref(ledger);
    struct ledger *before = set_payer(anon, ledger);
    ledger_return_object(before, LEDGER_FRAMES, 1, (int64_t)anon_cache.size);
    ledger_unref(before);
    return KERN_SUCCESS;
}

/* catch_frame() of pageout.c compares the flags and sets BUSY in one step: it came before what the caller has changed, and is over then, or
 * finds that. */
static inline void wait_for_pageout(const struct frame *frame)
{
    while (unlikely(atomic_load_explicit(&frame->flags, memory_order_acquire) & FRAME_FLAG_BUSY))
        arch_cpu_relax();
}

void anon_hide_frame(struct frame *frame)
{
    const unsigned before =
        atomic_fetch_and_explicit(&frame->flags,
                                  (uint16_t) ~(FRAME_FLAG_PAGEABLE | FRAME_FLAG_OBJECT),
                                  memory_order_acquire);
    if (before & FRAME_FLAG_OBJECT)
        vm_uncount(VM_COUNT_CACHED);
    wait_for_pageout(frame);
}

static inline uint32_t where_of(const struct anon *anon)
{
    return atomic_load_explicit(&anon->where, memory_order_acquire);
}

void anon_free_record(struct anon *anon, struct ledger *ledger)
{
    kmem_free_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, anon);
    ledger_unref(ledger);
}

/* Nobody else knows of it, but page-out may. */
void anon_destroy(struct anon *anon)
{
    uint32_t where = where_of(anon);

    for (;;) {
        if (unlikely(where & ANON_STATE)) {
            if (swap_anon_gone(anon))
                return;
            where = where_of(anon); /* HERE for good: no reference, so it is not chosen again */
            continue;
        }
        /* Chosen just now, it keeps its frame for a grace period: this is no other's (A4). */
        anon_hide_frame(frame_record(where));
        if (likely(where_of(anon) == where))
            break;
        where = where_of(anon);
    }
    struct frame *frame = frame_record(where);
    assert(frame->owner == anon);
    assert_slow(!(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_PINNED));
    struct ledger *ledger = (struct ledger *)(uintptr_t)frame->owner_offset; /* A3 */
    if (unlikely(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_KEPT))
        swap_forget_kept(frame);
    frame_free_paid(frame);
    anon_free_record(anon, ledger);
}

/* True: that was the last one. */
static inline bool drop(struct anon *anon)
{
    uint32_t old = atomic_fetch_sub_explicit(&anon->references, 1, memory_order_acq_rel);

    assert(old > 0);
    return old == 1;
}

void anon_unref(struct anon *anon)
{
    if (drop(anon))
        anon_destroy(anon);
}

bool anon_unref_here(struct anon *anon)
{
    if (!drop(anon))
        return true;
    if (unlikely(where_of(anon) & ANON_STATE))
        return false;
    anon_destroy(anon);
    return true;
}

struct frame *anon_frame_if_any(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);
    if (likely(frame))
        return frame;
    return swap_rescue(anon) ? anon_frame_held(anon) : NULL;
}

/* It may have been chosen a moment ago; a grace period has not passed since. */
static void rescue(struct anon *anon)
{
    if (unlikely(!anon_frame(anon))) {
        bool here = swap_rescue(anon);
        assert(here);
    }
}

void anon_keep(struct anon *anon)
{
    struct frame *frame = anon_frame_if_any(anon);
    assert(frame);
    anon_hide_frame(frame);
    rescue(anon);
}

void anon_keep_no_more(struct anon *anon)
{
    (void)atomic_fetch_or_explicit(&anon_frame_held(anon)->flags, FRAME_FLAG_PAGEABLE,
                                   memory_order_release);
}

void anon_wired(struct anon *anon)
{
    struct frame *frame = anon_frame_held(anon);
    (void)atomic_fetch_or_explicit(&frame->flags, FRAME_FLAG_WIRED, memory_order_acq_rel);
    wait_for_pageout(frame);
    rescue(anon);
}

/* The frame is an anon's that no object has: `next` is free for the count (kern/pageout.h: pageout_tag()). */
kern_return_t anon_pin(struct anon *anon)
{
    struct frame *frame = anon_frame_held(anon);
    bool first = !(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_PINNED);
    assert_slow(!(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_OBJECT));
    if (!first && frame->next == UINT32_MAX)
        return KERN_LIMIT;
    frame->next = first ? 1 : frame->next + 1;
    if (!first)
        return KERN_SUCCESS;
    (void)atomic_fetch_or_explicit(&frame->flags, FRAME_FLAG_PINNED, memory_order_acq_rel);
    wait_for_pageout(frame);
    rescue(anon);
    return KERN_SUCCESS;
}

void anon_unpin(struct anon *anon)
{
    struct frame *frame = anon_frame_held(anon);
    assert(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_PINNED);
    assert(frame->next > 0);
    if (--frame->next == 0)
        (void)atomic_fetch_and_explicit(&frame->flags, (uint16_t)~FRAME_FLAG_PINNED,
                                        memory_order_release);
}
