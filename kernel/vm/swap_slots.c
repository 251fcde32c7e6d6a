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
    CHUNK_SLOTS = 2048,
    CHUNK_WORDS = CHUNK_SLOTS / 64,
    FRAME_SLOTS = PAGE_SIZE / sizeof(struct swap_slot),
    CHUNK_FRAMES = CHUNK_SLOTS / FRAME_SLOTS,
    CHUNKS_MAX = 2048,
};
static_assert(CHUNK_SLOTS * sizeof(struct swap_slot) == PAGE_SIZE * CHUNK_FRAMES);

struct swap_chunk {
    uint64_t free[CHUNK_WORDS];   /* a bit a slot */
    uint64_t untold[CHUNK_WORDS]; /* likewise; part of those */
    struct frame
        *frame[CHUNK_FRAMES]; /* with the slots: single ones, for memory may be in pieces */
};

static KMEM_CACHE(chunk_cache, struct swap_chunk);
static struct swap_chunk *chunk[CHUNKS_MAX]; /* slots have numbers from 0 on; SWAP lock */
static uint32_t cursor;                      /* where to look for free slots first; SWAP lock */
static uint32_t freed_cursor;                /* the same for untold ones */

static struct swap_chunk *chunk_of(uint32_t number)
{
    return chunk[number / CHUNK_SLOTS];
}

bool swap_slot_exists(uint32_t number)
{
    return number < swap.slots;
}

struct swap_slot *swap_slot(uint32_t number)
{
    assert(swap_slot_exists(number));
    struct frame *frame = chunk_of(number)->frame[number % CHUNK_SLOTS / FRAME_SLOTS];
    return (struct swap_slot *)frame_memory(frame) + number % FRAME_SLOTS;
}

/* ---- maps ---- */

static bool bit_is_set(const uint64_t *map, uint32_t number)
{
    return map[number % CHUNK_SLOTS / 64] >> (number % 64) & 1;
}

static void set_bit(uint64_t *map, uint32_t number, bool value)
{
    uint64_t bit = UINT64_C(1) << (number % 64), *word = &map[number % CHUNK_SLOTS / 64];
    *word = value ? *word | bit : *word & ~bit;
}

static const uint64_t *map_of(uint32_t number, bool untold)
{
    const struct swap_chunk *c = chunk_of(number);
    return untold ? c->untold : c->free;
}

/* The first number at or after *number whose bit is set, a word at a time, no more than LOOK_AT words; those behind the last slot
 * are not set. False: none, or not yet (*number < swap.slots). */
static bool find_bit(uint32_t *number, bool untold)
{
    enum { LOOK_AT = 64 };
    for (unsigned n = 0; n < LOOK_AT && *number < swap.slots; n++) {
        uint64_t bits = map_of(*number, untold)[*number % CHUNK_SLOTS / 64] >> (*number % 64);
        if (bits) {
            *number += (uint32_t)__builtin_ctzll(bits);
            return true;
        }
        *number = (uint32_t)round_down(*number, 64) + 64;
    }
    return false;
}

static uint32_t run_at(uint32_t first, uint32_t most, bool untold)
{
    uint32_t count = 1;
    while (count < most && first + count < swap.slots &&
           bit_is_set(map_of(first + count, untold), first + count))
        count++;
    return count;
}

/* ---- taking and giving back; the lock is held ---- */

uint32_t swap_take_run(uint32_t most, uint32_t *first)
{
    if (swap.used == swap.slots)
        return 0;
    if (cursor >= swap.slots)
        cursor = 0;
    if (!find_bit(&cursor, false))
        return 0; /* it goes on there next time */
    uint32_t count = run_at(cursor, most, false);
    *first = cursor;
    for (uint32_t number = cursor; number < cursor + count; number++) {
        struct swap_chunk *c = chunk_of(number);
        set_bit(c->free, number, false);
        set_bit(c->untold, number, false);
        *swap_slot(number) = (struct swap_slot){.state = SLOT_STORING};
    }
    cursor += count;
    swap.used += count;
    return count;
}

void swap_put_slot(uint32_t number)
{
    struct swap_chunk *c = chunk_of(number);
    assert(swap_slot(number)->state != SLOT_FREE);
    *swap_slot(number) = (struct swap_slot){.state = SLOT_FREE};
    set_bit(c->free, number, true);
    set_bit(c->untold, number, true);
    if (number < freed_cursor)
        freed_cursor = number;
    if (--swap.used == 0 && !swap.port) /* nobody keeps anything any more */
        work_start(&swap.work);
}

enum { TOLD_MAX = 64 };

bool swap_next_freed(uint32_t *first, uint32_t *count)
{
    if (!find_bit(&freed_cursor, true))
        return false;
    *first = freed_cursor;
    *count = run_at(freed_cursor, TOLD_MAX, true);
    for (uint32_t number = *first; number < *first + *count; number++)
        set_bit(chunk_of(number)->untold, number, false);
    freed_cursor += *count;
    return true;
}

/* ---- making them ---- */

static void free_chunk(struct swap_chunk *c)
{
    for (unsigned i = 0; i < CHUNK_FRAMES && c->frame[i]; i++)
        frame_free(&kernel_ledger, LEDGER_FRAMES, c->frame[i]);
    kmem_free(&chunk_cache, &kernel_ledger, c);
}

static kern_return_t make_chunk(struct swap_chunk **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&chunk_cache, &kernel_ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct swap_chunk *c = memory;
    for (unsigned i = 0; i < CHUNK_FRAMES && kr == KERN_SUCCESS; i++)
        kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &c->frame[i]);
    if (kr == KERN_SUCCESS)
        *out = c;
    else
        free_chunk(c);
    return kr;
}

/* Memory that can be promised, now that it need not all be in frames. */
static void promise(int64_t pages)
{
    struct ledger_account *account = &kernel_ledger.account[LEDGER_COMMITMENT];
    int64_t limit = atomic_load(&account->limit);
    if (limit < LEDGER_NO_LIMIT)
        ledger_set_limit(&kernel_ledger, LEDGER_COMMITMENT, limit + pages);
}

/* The lock is held. */
static void add(struct swap_chunk *fresh, uint32_t count)
{
    chunk[swap.slots / CHUNK_SLOTS] = fresh;
    for (uint32_t i = 0; i < CHUNK_WORDS && i * 64 < count; i++)
        fresh->free[i] = count - i * 64 >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
    swap.slots += count;
}

kern_return_t swap_add_slots(uint32_t count, uint32_t *done)
{
    uint32_t piece = count - *done < CHUNK_SLOTS ? count - *done : CHUNK_SLOTS;
    struct swap_chunk *fresh;
    kern_return_t kr = make_chunk(&fresh);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&swap.lock);
    bool first = swap.slots == 0;
    /* A last chunk that is not full stays so: slots have numbers in a row. */
    if (swap.dropping || swap.slots % CHUNK_SLOTS != 0 || swap.slots / CHUNK_SLOTS == CHUNKS_MAX)
        kr = KERN_LIMIT;
    else
        add(fresh, piece);
    spin_unlock(&swap.lock);
    if (kr != KERN_SUCCESS) {
        free_chunk(fresh);
        return kr;
    }
    promise(piece);
    if (first)
        pageout_enable();
    *done += piece;
    return *done < count ? KERN_RETRY : KERN_SUCCESS;
}

bool swap_drop_slots(void)
{
    struct swap_chunk *last = NULL;
    uint32_t piece = 0;
    spin_lock(&swap.lock);
    bool drops = !swap.port && swap.used == 0 && swap.slots > 0;
    swap.dropping = drops;
    if (drops) {
        uint32_t number = (swap.slots - 1) / CHUNK_SLOTS;
        piece = swap.slots - number * CHUNK_SLOTS;
        swap.slots -= piece;
        last = chunk[number];
        chunk[number] = NULL;
        cursor = freed_cursor = 0;
    }
    bool more = swap.slots > 0;
    swap.dropping = drops && more;
    spin_unlock(&swap.lock);
    if (!last)
        return false;
    if (!more)
        pageout_disable();
    promise(-(int64_t)piece);
    free_chunk(last);
    return more;
}
