/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots (kern/swap.h: S1). They are kept by chunks of 2,048, each with a map of which are FREE, and one of those that became FREE
 * without the pager's having heard of it. A slot that is taken again meanwhile is not told of: what is stored there
 * replaces what was.
 */
#include "swap_impl.h"
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/map.h>
#include <kern/pageout.h>
#include <kern/panic.h>

enum {
    FRAME_SLOTS = PAGE_SIZE / sizeof(struct swap_slot),
    CHUNK_FRAMES = CHUNK_SLOTS / FRAME_SLOTS,
};
static_assert(CHUNK_SLOTS * sizeof(struct swap_slot) == PAGE_SIZE * CHUNK_FRAMES);

struct swap_chunk {
    uint64_t free[CHUNK_WORDS];   /* a bit a slot */
    uint64_t untold[CHUNK_WORDS]; /* likewise; part of those */
    struct frame
        *frame[CHUNK_FRAMES]; /* with the slots: single ones, for memory may be in pieces */
};

static KMEM_CACHE(chunk_cache, struct swap_chunk);
static struct swap_chunk *chunk[CHUNKS_MAX]; /* SWAP lock; swap_area.c says which there are */

static struct swap_chunk *chunk_of(uint32_t number)
{
    return chunk[number / CHUNK_SLOTS];
}

struct swap_slot *swap_slot(uint32_t number)
{
    assert(swap_slot_exists(number));
    struct frame *frame = chunk_of(number)->frame[number % CHUNK_SLOTS / FRAME_SLOTS];
    return (struct swap_slot *)frame_memory(frame) + number % FRAME_SLOTS;
}

/* ---- maps ---- */

static void set_bit(uint64_t *map, uint32_t number, bool value)
{
    uint64_t bit = UINT64_C(1) << (number % 64), *word = &map[number % CHUNK_SLOTS / 64];
    *word = value ? *word | bit : *word & ~bit;
}

enum which { FREE, UNTOLD, TAKEN };

/* The word of a map in which that slot's bit is. */
static uint64_t word_of(uint32_t number, enum which which)
{
    const struct swap_chunk *c = chunk_of(number);
    const uint32_t i = number % CHUNK_SLOTS / 64;
    return which == UNTOLD ? c->untold[i] : which == FREE ? c->free[i] : ~c->free[i];
}

/* The first number at or after *number whose bit is set, a word at a time, no more than LOOK_AT words. False: none, or not yet
 * (*number < end). */
static bool find_bit(uint32_t *number, uint32_t end, enum which which)
{
    enum { LOOK_AT = 64 };
    for (unsigned n = 0; n < LOOK_AT && *number < end; n++) {
        uint64_t bits = word_of(*number, which) >> (*number % 64);
        if (bits) {
            *number += (uint32_t)__builtin_ctzll(bits);
            return *number < end;
        }
        *number = (uint32_t)round_down(*number, 64) + 64;
    }
    return false;
}

static uint32_t run_at(uint32_t first, uint32_t end, uint32_t most, enum which which)
{
    uint32_t count = 1;
    while (count < most && first + count < end &&
           word_of(first + count, which) >> ((first + count) % 64) & 1)
        count++;
    return count;
}

bool swap_next_taken(uint32_t *number, uint32_t end)
{
    return find_bit(number, end, TAKEN);
}

/* ---- taking and giving back; the lock is held ---- */

static bool has_free(const struct slot_area *area)
{
    return area->phase == AREA_IN_USE && area->used < area->count;
}

/* Of the highest priority; of several, they take turns. */
static struct slot_area *best_area(void)
{
    static unsigned last; /* SWAP lock */
    struct slot_area *best = NULL;
    for (unsigned i = 1; i <= SWAP_AREA_COUNT; i++) {
        struct slot_area *area = &swap.area[(last + i) % SWAP_AREA_COUNT];
        if (has_free(area) && (!best || area->priority > best->priority))
            best = area;
    }
    if (best)
        last = (unsigned)(best - swap.area);
    return best;
}

uint32_t swap_take_run(uint32_t most, uint32_t *first)
{
    struct slot_area *area = best_area();
    if (!area) {
        swap_reclaim_kept();
        return 0;
    }
    uint32_t end = area->first + area->count;
    if (area->cursor >= end)
        area->cursor = area->first;
    if (!find_bit(&area->cursor, end, FREE))
        return 0; /* it goes on there next time */
    uint32_t count = run_at(area->cursor, end, most, FREE);
    *first = area->cursor;
    for (uint32_t number = *first; number < *first + count; number++) {
        struct swap_chunk *c = chunk_of(number);
        set_bit(c->free, number, false);
        set_bit(c->untold, number, false);
        *swap_slot(number) = (struct swap_slot){.state = SLOT_STORING};
    }
    area->cursor += count;
    area->used += count;
    swap.used += count;
    return count;
}

void swap_put_slot(uint32_t number)
{
    struct swap_chunk *c = chunk_of(number);
    struct slot_area *area = swap_area_of(number);
    struct swap_slot *slot = swap_slot(number);
    assert(slot->state != SLOT_FREE);
    area->lost -= slot->state == SLOT_LOST;
    *slot = (struct swap_slot){.state = SLOT_FREE};
    set_bit(c->free, number, true);
    set_bit(c->untold, number, true);
    if (number < area->freed_cursor)
        area->freed_cursor = number;
    area->used--;
    swap.used--;
    if ((area->phase == AREA_DRAINING && area->used == area->lost) ||
        (!swap.port && swap.used == swap.kept))
        work_start(&swap.work); /* it may go */
}

enum { TOLD_MAX = 64 };

static bool next_freed_of(struct slot_area *area, uint32_t *first, uint32_t *count)
{
    uint32_t end = area->first + area->made;
    if (!find_bit(&area->freed_cursor, end, UNTOLD))
        return false;
    *first = area->freed_cursor;
    *count = run_at(*first, end, TOLD_MAX, UNTOLD);
    for (uint32_t number = *first; number < *first + *count; number++)
        set_bit(chunk_of(number)->untold, number, false);
    area->freed_cursor += *count;
    return true;
}

bool swap_next_freed(uint32_t *first, uint32_t *count)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++) {
        struct slot_area *area = &swap.area[i];
        if ((area->phase == AREA_IN_USE || area->phase == AREA_DRAINING) &&
            next_freed_of(area, first, count))
            return true;
    }
    return false;
}

/* ---- chunks ---- */

static void free_chunk(struct swap_chunk *c)
{
    for (unsigned i = 0; i < CHUNK_FRAMES && c->frame[i]; i++)
        frame_free(&kernel_ledger, LEDGER_FRAMES, c->frame[i]);
    kmem_free(&chunk_cache, &kernel_ledger, c);
}

kern_return_t swap_make_chunk(uint32_t number, uint32_t count)
{
    void *memory;
    /* The pager, who asks for it, may use the last frames: they are not for this. */
    if (!pageout_can_spare(CHUNK_FRAMES + 1 /* and its record's */))
        return KERN_RESOURCE_SHORTAGE;
    kern_return_t kr = kmem_alloc(&chunk_cache, &kernel_ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct swap_chunk *c = memory;
    for (unsigned i = 0; i < CHUNK_FRAMES && kr == KERN_SUCCESS; i++)
        kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &c->frame[i]);
    if (kr != KERN_SUCCESS) {
        free_chunk(c);
        return kr;
    }
    for (uint32_t i = 0; i < CHUNK_WORDS && i * 64 < count; i++)
        c->free[i] = count - i * 64 >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
    spin_lock(&swap.lock);
    chunk[number] = c;
    spin_unlock(&swap.lock);
    return KERN_SUCCESS;
}

void swap_free_chunk(uint32_t number)
{
    spin_lock(&swap.lock);
    struct swap_chunk *c = chunk[number];
    chunk[number] = NULL;
    spin_unlock(&swap.lock);
    free_chunk(c);
}
