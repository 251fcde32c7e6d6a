/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical frames (kern/frame.h): charging, per-CPU caches for single frames, and the lock around
 * the lists below.
 *
 * A cache is its own CPU's: interrupts are masked in the kernel, so it needs no lock. It works as a
 * stack (the frame freed last is the one most likely still in the CPU's data cache) and trades
 * several frames at a time with the lists, so that one taking of the lock serves several calls, of
 * which the one that does it takes some 500 instructions longer.
 */
#include "frame_impl.h"
#include <arch/cache.h>
#include <kern/cpu.h>
#include <kern/panic.h>
#include <kern/string.h>

enum {
    FRAME_BATCH = FRAME_CACHE_SIZE / 4,  /* that are given back at a time */
    FRAME_REFILL = FRAME_CACHE_SIZE / 2, /* that an empty one is filled with */
    FRAME_RUN = 4,                       /* order of a run that does it, */
    FRAME_RUNS = 8,                      /* and how many smaller ones are taken instead */
};
_Static_assert(FRAME_REFILL == 1 << FRAME_RUN, "one run fills it");

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

/* How many more frames may be taken from the lists, if so many are at once? The lock is held. */
static inline uint64_t admitted(bool user, uint64_t frames)
{
    uint64_t left = block_unopened_count * BLOCK_FRAMES + buddy_free_frames;
    left = left > frames ? left - frames : 0;
    return likely(left >= admission_below) ? UINT64_MAX : admission(user, left);
}

bool frame_is_admitted(uint64_t frames)
{
    return admitted(false, frames) > 0;
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

/* Frames of a run that has just been taken. They go in the order of their addresses, the first on top: pages that are touched one after another
 * leave in that order, too (kern/pageout.h), and are fetched together. */
static inline void cache_run(struct cpu *cpu, uint32_t at, pfn_t pfn, unsigned order)
{
    pfn_t *first = &cpu->frame_cache.frame[at], *slot = first + (1u << order);

    for (struct frame *frame = frame_record(pfn); slot > first; frame++) {
        frame->order = 0;
        frame_state_set(frame, FRAME_CACHED);
        *--slot = pfn++;
    }
}

/* Fill an empty cache with up to FRAME_REFILL frames: in runs, the smallest there are, and none is cut for the last few, or all that
 * come after would be cut likewise. Where not so many may be taken it is one, for who asks: what else were in the cache could be anybody's next. */
[[gnu::noinline]] static void cache_refill(struct cpu *cpu, bool user)
{
    uint32_t count = 0;

    spin_lock(&frames_lock);
    uint64_t frames = admitted(user, 0);
    unsigned most = frames >= FRAME_REFILL ? FRAME_RUNS : frames > 0,
             largest = most > 1 ? FRAME_RUN : 0;
    for (unsigned runs = 0; runs < most; runs++) {
        unsigned order = buddy_smallest();
        if (order > largest)
            order = largest;
        if (count + (1u << order) > FRAME_REFILL)
            break;
        pfn_t pfn = block_take(order);
        if (pfn == PFN_NONE)
            break;
        cache_run(cpu, count, pfn, order);
        count += 1u << order;
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

/* Of a cache that is not empty. */
[[gnu::always_inline]] static inline pfn_t take_cached(struct cpu *cpu, uint32_t count)
{
    pfn_t pfn = cpu->frame_cache.frame[count - 1];

    cache_set_count(cpu, count - 1);
    frame_state_set(frame_record(pfn), FRAME_USED);
    return pfn;
}

[[gnu::noinline]] static pfn_t take_refilled(struct cpu *cpu, bool user)
{
    cache_refill(cpu, user);
    uint32_t count = cache_count(cpu);
    return likely(count > 0) ? take_cached(cpu, count) : PFN_NONE;
}

[[gnu::always_inline]] static inline pfn_t take_single(bool user)
{
    struct cpu *cpu = arch_cpu_self();
    uint32_t count = cache_count(cpu);

    assert_slow(!alloc_is_forbidden());
    return likely(count > 0) ? take_cached(cpu, count) : take_refilled(cpu, user);
}

[[gnu::noinline]] static pfn_t take_counted(void)
{
    return alloc_count_one(false) ? PFN_NONE : take_single(true);
}

pfn_t frame_take_paid(void)
{
    return alloc_is_counted() ? take_counted() : take_single(true);
}

pfn_t frame_take_reserved(void)
{
    return alloc_is_counted() && alloc_count_one(true) ? PFN_NONE : take_single(false);
}

static pfn_t take_from_plenty(unsigned order)
{
    assert_slow(!alloc_is_forbidden());
    spin_lock(&frames_lock);
    uint64_t free = block_unopened_count * BLOCK_FRAMES + buddy_free_frames;
    bool plenty =
        free >= block_managed_frames / FRAME_PLENTY && free >= admission_below + (1u << order);
    pfn_t pfn = plenty ? buddy_take(order) : PFN_NONE;
    spin_unlock(&frames_lock);
    return pfn;
}

pfn_t frame_take_run_paid(unsigned order)
{
    if (alloc_must_fail())
        return PFN_NONE;
    pfn_t first = take_from_plenty(order);
    if (first == PFN_NONE)
        return PFN_NONE;
    for (struct frame *frame = frame_record(first), *end = frame + (1u << order); frame < end;
         frame++) {
        frame->order = 0;
        frame_state_set(frame, FRAME_USED);
    }
    return first;
}

static pfn_t take_locked(unsigned order)
{
    spin_lock(&frames_lock);
    pfn_t pfn = admitted(false, 0) > 0 ? block_take(order) : PFN_NONE;
    spin_unlock(&frames_lock);
    return pfn;
}

static pfn_t take_run(unsigned order)
{
    assert_slow(!alloc_is_forbidden());
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
[[gnu::always_inline]] static inline void clear_record(struct frame *frame)
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

/* Into a cache that is not full. */
[[gnu::always_inline]] static inline void put_cached(struct cpu *cpu, uint32_t count,
                                                     struct frame *frame)
{
    frame_state_set(frame, FRAME_CACHED);
    cpu->frame_cache.frame[count] = frame_number(frame);
    cache_set_count(cpu, count + 1);
}

[[gnu::noinline]] static void put_drained(struct cpu *cpu, struct frame *frame)
{
    cache_drain(cpu, FRAME_BATCH);
    put_cached(cpu, cache_count(cpu), frame);
}

static inline void put_single(struct frame *frame)
{
    struct cpu *cpu = arch_cpu_self();
    uint32_t count = cache_count(cpu);

    if (unlikely(count == FRAME_CACHE_SIZE))
        put_drained(cpu, frame);
    else
        put_cached(cpu, count, frame);
}

void frame_free_paid(struct frame *frame)
{
    assert_slow(frame->order == 0);
    clear_record(frame);
    put_single(frame);
}

uint32_t frame_free_run_paid(struct frame *frame)
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
    return UINT32_C(1) << order;
}

void frame_free(struct ledger *ledger, enum ledger_kind kind, struct frame *frame)
{
    ledger_return(ledger, kind, frame_free_run_paid(frame));
}

uint64_t frame_count_managed(void)
{
    spin_lock(&frames_lock);
    uint64_t managed = block_managed_frames;
    spin_unlock(&frames_lock);
    return managed;
}

static uint64_t listed(void)
{
    return block_unopened_count * BLOCK_FRAMES + buddy_free_frames;
}

uint64_t frame_count_listed(void)
{
    spin_lock(&frames_lock);
    uint64_t frames = listed();
    spin_unlock(&frames_lock);
    return frames;
}

void frame_statistics(struct frame_statistics *out)
{
    uint64_t cached = 0;

    for (unsigned i = 0; i < cpu_count; i++)
        cached += cache_count(&cpu_record[i]);
    spin_lock(&frames_lock);
    out->managed = block_managed_frames;
    out->listed = listed();
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
