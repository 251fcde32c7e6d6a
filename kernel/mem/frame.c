/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical frames (kern/frame.h): charging, per-CPU caches for single frames, and the lock around
 * the lists below.
 *
 * A cache is its own CPU's: interrupts are masked in the kernel, so it needs no lock. It works as a
 * stack (the frame freed last is the one most likely still in the CPU's data cache) and trades
 * FRAME_BATCH frames at a time with the lists, so that one taking of the lock serves several calls, of
 * which the one that does it takes some 500 instructions longer.
 */
#include "frame_impl.h"
#include <arch/cache.h>
#include <kern/cpu.h>
#include <kern/panic.h>
#include <kern/string.h>

enum { FRAME_BATCH = FRAME_CACHE_SIZE / 4, FRAME_RUN = 3 /* order of a run that fills it */ };

/* Above this frame number the last block would reach PFN_NONE. */
static const paddr_t frame_limit =
    (UINT64_C(1) << (32 + PAGE_SHIFT)) - (PAGE_SIZE << FRAME_MAX_ORDER);

struct spinlock frames_lock = SPINLOCK_INIT(LOCK_FRAMES);
static frame_admit_t *admission; /* frames_lock */
static uint64_t admission_below; /* frames_lock */

void frame_set_admission(frame_admit_t *admit, uint64_t ask_below)
{
    spin_lock(&frames_lock);
    admission = admit;
    admission_below = admit ? ask_below : 0;
    spin_unlock(&frames_lock);
}

/* May more frames be taken from the lists? The lock is held. */
static bool is_admitted(bool user)
{
    uint64_t left = block_unopened_count * BLOCK_FRAMES + buddy_free_frames;
    return likely(left >= admission_below) || admission(user, left);
}

static uint32_t cache_count(const struct cpu *cpu)
{
    return atomic_load_explicit(&cpu->frame_cache.count, memory_order_relaxed);
}

static void cache_set_count(struct cpu *cpu, uint32_t count)
{
    atomic_store_explicit(&cpu->frame_cache.count, count, memory_order_relaxed);
}

void frame_add_range(paddr_t start, paddr_t end)
{
    assert(((start | end) & PAGE_MASK) == 0);
    /* Address 0 stays free to mean "none". */
    if (start == 0)
        start = PAGE_SIZE;
    if (end > frame_limit)
        end = frame_limit;
    if (start >= end)
        return;

    spin_lock(&frames_lock);
    block_add_range((pfn_t)(start >> PAGE_SHIFT), (pfn_t)(end >> PAGE_SHIFT));
    spin_unlock(&frames_lock);
}

/* Fill an empty cache with up to FRAME_BATCH frames. */
[[gnu::noinline]] static void cache_refill(struct cpu *cpu, bool user)
{
    uint32_t count = 0;

    spin_lock(&frames_lock);
    uint32_t wanted = is_admitted(user) ? FRAME_BATCH : 0;
    while (count < wanted) {
        /* A run at once, but none is cut for it that a single frame would not cut. */
        unsigned order = buddy_smallest();
        if (order > FRAME_RUN)
            order = FRAME_RUN;
        while (1u << order > wanted - count)
            order--;
        pfn_t pfn = block_take(order);

        if (pfn == PFN_NONE)
            break;
        for (pfn_t end = pfn + (1u << order); pfn < end; pfn++) {
            struct frame *frame = frame_record(pfn);

            frame->order = 0;
            frame_state_set(frame, FRAME_CACHED);
            cpu->frame_cache.frame[count++] = pfn;
        }
    }
    spin_unlock(&frames_lock);
    cache_set_count(cpu, count);
}

/* Give the `number` frames that were cached longest back to the lists. */
static void cache_drain(struct cpu *cpu, uint32_t number)
{
    uint32_t rest = cache_count(cpu) - number;
    pfn_t *frames = cpu->frame_cache.frame;

    spin_lock(&frames_lock);
    for (uint32_t i = 0; i < number; i++)
        buddy_put(frames[i], 0);
    spin_unlock(&frames_lock);
    memmove(frames, frames + number, rest * sizeof(frames[0]));
    cache_set_count(cpu, rest);
}

void frame_drain_cache(void)
{
    struct cpu *cpu = arch_cpu_self();

    cache_drain(cpu, cache_count(cpu));
}

[[gnu::always_inline]] static inline pfn_t take_single(bool user)
{
    struct cpu *cpu = arch_cpu_self();

    if (unlikely(cache_count(cpu) == 0))
        cache_refill(cpu, user);
    uint32_t count = cache_count(cpu);
    if (unlikely(count == 0))
        return PFN_NONE;

    pfn_t pfn = cpu->frame_cache.frame[count - 1];
    cache_set_count(cpu, count - 1);
    frame_state_set(frame_record(pfn), FRAME_USED);
    return pfn;
}

static pfn_t take_locked(unsigned order)
{
    spin_lock(&frames_lock);
    pfn_t pfn = is_admitted(false) ? block_take(order) : PFN_NONE;
    spin_unlock(&frames_lock);
    return pfn;
}

static pfn_t take_run(unsigned order)
{
    pfn_t pfn = take_locked(order);

    if (pfn == PFN_NONE) {
        /* What this CPU keeps back may be the missing part of a run. */
        frame_drain_cache();
        pfn = take_locked(order);
    }
    return pfn;
}

static inline void zero(struct frame *frame, unsigned order)
{
    char *memory = frame_memory(frame);

    for (unsigned i = 0; i < 1u << order; i++)
        arch_zero_page(memory + i * PAGE_SIZE);
}

kern_return_t frame_alloc_paid(unsigned flags, struct frame **out)
{
    if (alloc_must_fail())
        return KERN_RESOURCE_SHORTAGE;
    pfn_t pfn = take_single(!(flags & FRAME_FROM_RESERVE));
    if (unlikely(pfn == PFN_NONE))
        return KERN_RESOURCE_SHORTAGE;
    *out = frame_record(pfn);
    if (flags & FRAME_ZEROED)
        zero(*out, 0);
    return KERN_SUCCESS;
}

kern_return_t frame_alloc(struct ledger *ledger, enum ledger_kind kind, unsigned order,
                          unsigned flags, struct frame **out)
{
    assert(order <= FRAME_MAX_ORDER);
    assert(!(flags & FRAME_ZEROED) || order <= FRAME_MAX_ZEROED_ORDER);
    if (!(flags & FRAME_NOFAIL_INJECTION) && alloc_must_fail())
        return KERN_RESOURCE_SHORTAGE;

    kern_return_t kr = ledger_charge(ledger, kind, INT64_C(1) << order);
    if (kr != KERN_SUCCESS)
        return kr;
    pfn_t pfn = order == 0 ? take_single(false) : take_run(order);
    if (unlikely(pfn == PFN_NONE)) {
        ledger_return(ledger, kind, INT64_C(1) << order);
        return KERN_RESOURCE_SHORTAGE;
    }

    struct frame *frame = frame_record(pfn);
    if (flags & FRAME_ZEROED)
        zero(frame, order);
    *out = frame;
    return KERN_SUCCESS;
}

/* The record as the next owner may expect it; the state is set by who takes the frame back. */
static void clear_record(struct frame *frame)
{
    assert(frame_state_get(frame) == FRAME_USED && frame->owner != &block_own_tag);
    assert(atomic_load_explicit(&frame->mapped, memory_order_acquire) == 0);
    assert(frame->rmap == NULL);
    atomic_store_explicit(&frame->flags, 0, memory_order_relaxed);
    frame->owner = NULL;
    frame->owner_offset = 0;
    frame->rmap_va = 0;
}

/* The other frames of a run are their user's, who must leave them clean. */
static bool tail_is_clean(const struct frame *head)
{
    for (const struct frame *frame = head + 1; frame < head + (1u << head->order); frame++) {
        if (frame_state_get(frame) != FRAME_RESERVED || frame->owner != NULL ||
            frame->rmap != NULL || atomic_load_explicit(&frame->mapped, memory_order_relaxed) != 0)
            return false;
    }
    return true;
}

static inline void put_single(struct frame *frame)
{
    struct cpu *cpu = arch_cpu_self();

    if (unlikely(cache_count(cpu) == FRAME_CACHE_SIZE))
        cache_drain(cpu, FRAME_BATCH);
    uint32_t count = cache_count(cpu);
    frame_state_set(frame, FRAME_CACHED);
    cpu->frame_cache.frame[count] = frame_number(frame);
    cache_set_count(cpu, count + 1);
}

void frame_free_paid(struct frame *frame)
{
    assert_slow(frame->order == 0);
    clear_record(frame);
    put_single(frame);
}

void frame_free(struct ledger *ledger, enum ledger_kind kind, struct frame *frame)
{
    unsigned order = frame->order;

    clear_record(frame);
    if (order == 0) {
        put_single(frame);
    } else {
        assert_slow(tail_is_clean(frame));
        spin_lock(&frames_lock);
        buddy_put(frame_number(frame), order);
        spin_unlock(&frames_lock);
    }
    ledger_return(ledger, kind, INT64_C(1) << order);
}

void frame_statistics(struct frame_statistics *out)
{
    uint64_t cached = 0;

    for (unsigned i = 0; i < MAX_CPUS; i++)
        cached += cache_count(&cpu_record[i]);
    spin_lock(&frames_lock);
    out->managed = block_managed_frames;
    out->listed = block_unopened_count * BLOCK_FRAMES + buddy_free_frames;
    out->free = out->listed + cached;
    out->record_pages = block_own_frames;
    spin_unlock(&frames_lock);
}

bool frame_is_managed(paddr_t pa)
{
    if (pa >= frame_limit)
        return false;
    spin_lock(&frames_lock);
    bool managed = block_is_managed((pfn_t)(pa >> PAGE_SHIFT));
    spin_unlock(&frames_lock);
    return managed;
}

bool frame_next_record(pfn_t *pfn)
{
    spin_lock(&frames_lock);
    bool found = block_next_open(pfn);
    spin_unlock(&frames_lock);
    return found;
}
