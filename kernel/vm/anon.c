/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages (kern/anon.h): how they come and go. What becomes of them in between when memory is short stands in
 * pageout.c and swap_*.c.
 */
#include <arch/cpu.h>
#include <kern/anon.h>
#include <kern/kmem.h>
#include <kern/panic.h>
#include <kern/swap.h>

static KMEM_CACHE_MEMORY(anon_cache, struct anon);

/* A frame that A1 can name. Memory above 4 TiB is none for anons. */
static inline kern_return_t take_frame(bool zeroed, struct frame **out)
{
    struct frame *frame;
    kern_return_t kr = frame_alloc_paid(zeroed ? FRAME_ZEROED : 0, &frame);

    if (kr != KERN_SUCCESS)
        return kr;
    if (unlikely(frame_number(frame) & ANON_STATE)) {
        frame_free_paid(frame);
        return KERN_RESOURCE_SHORTAGE;
    }
    *out = frame;
    return KERN_SUCCESS;
}

kern_return_t anon_create(struct ledger *ledger, bool zeroed, struct anon **out)
{
    struct frame *frame;
    void *object;
    kern_return_t kr = kmem_alloc_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, &object);

    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    kr = take_frame(zeroed, &frame);
    if (unlikely(kr != KERN_SUCCESS)) {
        kmem_free_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, object);
        return kr;
    }

    struct anon *anon = object;
    atomic_init(&anon->references, 1);
    atomic_init(&anon->where, frame_number(frame));
    frame->owner = anon;
    frame->owner_offset = (uintptr_t)ledger;
    ledger_ref(ledger);
    /* Page-out may look at all that from here on. */
    atomic_store_explicit(&frame->flags, FRAME_FLAG_PAGEABLE, memory_order_release);
    *out = anon;
    return KERN_SUCCESS;
}

kern_return_t anon_recharge(struct anon *anon, struct ledger *ledger)
{
    struct frame *frame = anon_frame_held(anon);
    struct ledger *before = (struct ledger *)(uintptr_t)frame->owner_offset;

    if (before == ledger)
        return KERN_SUCCESS;
    kern_return_t kr = ledger_charge_object(ledger, LEDGER_FRAMES, 1, (int64_t)anon_cache.size);
    if (kr != KERN_SUCCESS)
        return kr;
    ledger_ref(ledger);
    frame->owner_offset = (uintptr_t)ledger;
    ledger_return_object(before, LEDGER_FRAMES, 1, (int64_t)anon_cache.size);
    ledger_unref(before);
    return KERN_SUCCESS;
}

/* Nobody catches the frame from here on (catch() of pageout.c). */
static inline void hide_from_pageout(struct frame *frame)
{
    (void)atomic_fetch_and_explicit(&frame->flags,
                                    (uint16_t) ~(FRAME_FLAG_PAGEABLE | FRAME_FLAG_OBJECT),
                                    memory_order_acquire);
    while (unlikely(atomic_load_explicit(&frame->flags, memory_order_acquire) & FRAME_FLAG_BUSY))
        arch_cpu_relax();
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
static void anon_destroy(struct anon *anon)
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
        hide_from_pageout(frame_record(where));
        if (likely(where_of(anon) == where))
            break;
        where = where_of(anon);
    }
    struct frame *frame = frame_record(where);
    assert(frame->owner == anon);
    struct ledger *ledger = (struct ledger *)(uintptr_t)frame->owner_offset; /* A3 */
    frame_free_paid(frame);
    anon_free_record(anon, ledger);
}

void anon_unref(struct anon *anon)
{
    uint32_t old = atomic_fetch_sub_explicit(&anon->references, 1, memory_order_acq_rel);

    assert(old > 0);
    if (old == 1)
        anon_destroy(anon);
}

struct frame *anon_frame_if_any(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);
    if (likely(frame))
        return frame;
    return swap_rescue(anon) ? anon_frame_held(anon) : NULL;
}

void anon_keep(struct anon *anon)
{
    struct frame *frame = anon_frame_if_any(anon);
    assert(frame);
    hide_from_pageout(frame);
    if (!anon_frame(anon)) {
        bool here = swap_rescue(anon);
        assert(here);
    }
}
