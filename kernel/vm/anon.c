/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages (kern/anon.h). Nothing pages out yet: every anon has a frame for all its life.
 */
#include <arch/cache.h>
#include <kern/anon.h>
#include <kern/kmem.h>
#include <kern/panic.h>
#include <stdalign.h>

enum { ANON_LOCKS = 64 };

static struct {
    alignas(CACHE_LINE) struct spinlock lock;
} anon_locks[ANON_LOCKS];

static KMEM_CACHE_MEMORY(anon_cache, struct anon);

void anon_init(void)
{
    for (unsigned i = 0; i < ANON_LOCKS; i++)
        spin_init(&anon_locks[i].lock, LOCK_ANON);
}

struct spinlock *anon_lock(const struct anon *anon)
{
    uintptr_t number = (uintptr_t)anon / sizeof(*anon);

    return &anon_locks[(number ^ number >> 9) % ANON_LOCKS].lock; /* 512 a slab */
}

/* A frame that A1 can name: memory above 8 TiB is none for anons. PFN_NONE: there is none. */
static inline pfn_t take_frame(void)
{
    pfn_t pfn = frame_take_paid();

    if (unlikely(pfn & ANON_OUT) && pfn != PFN_NONE) {
        frame_free_paid(frame_record(pfn));
        pfn = PFN_NONE;
    }
    return pfn;
}

static inline void make(struct anon *anon, pfn_t pfn, struct ledger *ledger)
{
    struct frame *frame = frame_record(pfn);

    atomic_init(&anon->references, 1);
    atomic_init(&anon->where, pfn);
    frame->owner = anon;
    frame->owner_offset = (uintptr_t)ledger;
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

    make(object, pfn, ledger);
    ledger_ref(ledger);
    *out = object;
    if (zeroed)
        arch_zero_page(phys_to_virt((paddr_t)pfn << PAGE_SHIFT));
    return KERN_SUCCESS;
}

/* Frames of which A1 can name all or none. */
static pfn_t take_run(void)
{
    pfn_t first = frame_take_run_paid(ANON_RUN_ORDER);

    if (likely(!(first & ANON_OUT)))
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
    for (unsigned i = 0; i < ANON_RUN; i++)
        make(out[i], first + i, ledger);
    arch_zero_pages(phys_to_virt((paddr_t)first << PAGE_SHIFT), ANON_RUN);
    return KERN_SUCCESS;
}

static void anon_destroy(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);

    assert(frame != NULL && frame->owner == anon);
    struct ledger *ledger = (struct ledger *)(uintptr_t)frame->owner_offset; /* A3 */
    frame_free_paid(frame);
    kmem_free_counted(&anon_cache, ledger, LEDGER_FRAMES, 1, anon);
    ledger_unref(ledger);
}

void anon_unref(struct anon *anon)
{
    uint32_t old = atomic_fetch_sub_explicit(&anon->references, 1, memory_order_acq_rel);

    assert(old > 0);
    if (old == 1)
        anon_destroy(anon);
}
