/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of 2 MiB and the lazy making of frame records (docs/decisions/0003-lazy-frame-records.md).
 *
 * The block map has two bits a block - whole and unopened, opened - in pages that each cover 32 GiB
 * of addresses and are made when the first memory there is added. So adding a bank costs one bit a
 * block, and a hole costs nothing.
 *
 * Opening a block needs frames: for its records and for the tables that map them. They come from a
 * pool of neighbouring frames, so that blocks stay whole; when the pool is short, the block to be
 * opened gives its first frames to it. The pool doubles each time, up to POOL_MAX: what is set
 * aside stays in proportion to what is in use. Frames of the pool are FRAME_USED with the owner
 * `block_own_tag`; used ones are never returned.
 */
#include "frame_impl.h"
#include <arch/cache.h>
#include <kern/panic.h>

enum {
    MAP_BLOCKS = 1 << 14, /* blocks a page of the map covers: 32 GiB */
    MAP_WORDS = MAP_BLOCKS / 64,
    MAP_PAGES = 1 << (32 - FRAME_MAX_ORDER - 14), /* for all frame numbers: 16 TiB */
};

struct block_map {
    uint64_t unopened[MAP_WORDS]; /* all 512 frames are ours and free; no records */
    uint64_t open[MAP_WORDS];     /* has records */
};
_Static_assert(sizeof(struct block_map) == PAGE_SIZE, "one page of the map is one frame");

enum { POOL_MIN = 16, POOL_MAX = 128 }; /* frames given to the pool at a time */
_Static_assert(POOL_MIN >= (int)BLOCK_OPEN_FRAMES, "a filled pool suffices for a block");

static struct block_map *map_page[MAP_PAGES]; /* frames_lock */
static uint32_t opened_end;                   /* no opened block from here on. frames_lock */
static uint32_t search_from; /* no unopened block below this word of the map. frames_lock */
static struct {
    pfn_t next, end;         /* frames left */
    uint32_t size;           /* how many it gets next time */
} pool = {.size = POOL_MIN}; /* frames_lock */

uint64_t block_unopened_count, block_managed_frames, block_own_frames;
char block_own_tag;

static bool map_test(pfn_t pfn, bool open)
{
    uint32_t block = pfn / BLOCK_FRAMES;
    const struct block_map *page = map_page[block / MAP_BLOCKS];

    if (page == NULL)
        return false;
    const uint64_t *words = open ? page->open : page->unopened;
    return (words[block % MAP_BLOCKS / 64] >> (block % 64)) & 1;
}

bool block_is_unopened(pfn_t pfn)
{
    return map_test(pfn, false);
}

bool block_is_open(pfn_t pfn)
{
    return map_test(pfn, true);
}

/* In an opened block a frame is ours if, for some order, the run it would be part of has a head. */
bool block_is_managed(pfn_t pfn)
{
    if (block_is_unopened(pfn))
        return true;
    if (!block_is_open(pfn))
        return false;
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        const struct frame *head = frame_record(pfn >> order << order);

        if (frame_state_get(head) != FRAME_RESERVED && head->order >= order)
            return true;
    }
    return false;
}

/* Note blocks [block, end), which one page of the map covers: a word, 64 blocks, at a time. */
static void mark_unopened(uint32_t block, uint32_t end)
{
    struct block_map *page = map_page[block / MAP_BLOCKS];

    block_unopened_count += end - block;
    block_managed_frames += (uint64_t)(end - block) * BLOCK_FRAMES;
    if (block / 64 < search_from)
        search_from = block / 64;
    while (block < end) {
        unsigned word = block % MAP_BLOCKS / 64;
        unsigned count = 64 - block % 64 < end - block ? 64 - block % 64 : end - block;
        uint64_t mask = UINT64_MAX >> (64 - count) << (block % 64);

        assert(((page->unopened[word] | page->open[word]) & mask) == 0);
        page->unopened[word] |= mask;
        block += count;
    }
}

static void mark_open(pfn_t first)
{
    uint32_t block = first / BLOCK_FRAMES;
    struct block_map *page = map_page[block / MAP_BLOCKS];
    uint64_t bit = UINT64_C(1) << (block % 64);
    unsigned word = block % MAP_BLOCKS / 64;

    if (page->unopened[word] & bit) {
        page->unopened[word] &= ~bit;
        block_unopened_count--;
    }
    page->open[word] |= bit;
    if (block >= opened_end)
        opened_end = block + 1;
}

/* The lowest unopened block (low memory is what devices with short addresses can reach). There must
 * be one. Blocks never become unopened again, so the search goes over the map once in the life of
 * the system. */
static pfn_t find_unopened(void)
{
    for (;; search_from++) {
        const struct block_map *page = map_page[search_from / MAP_WORDS];

        if (page == NULL) {
            search_from |= MAP_WORDS - 1;
            continue;
        }
        uint64_t word = page->unopened[search_from % MAP_WORDS];
        if (word != 0)
            return (search_from * 64 + (uint32_t)__builtin_ctzll(word)) * BLOCK_FRAMES;
    }
}

/* A zeroed page of the pool, by address; 0 (frame_add_range() leaves that out) if there is none. */
static paddr_t take_own_page(void)
{
    if (pool.next == pool.end)
        return 0;
    paddr_t pa = (paddr_t)pool.next++ << PAGE_SHIFT;
    arch_zero_page(phys_to_virt(pa));
    return pa;
}

/* Note that [start, end), whose records exist, are the allocator's own. */
static void mark_own(pfn_t start, pfn_t end)
{
    for (pfn_t pfn = start; pfn < end; pfn++) {
        struct frame *frame = frame_record(pfn);

        frame->owner = &block_own_tag;
        frame->order = 0;
        frame_state_set(frame, FRAME_USED);
    }
    block_own_frames += end - start;
}

/* The pool is too short for another block: what is left of it becomes ordinary free memory. */
static void pool_empty(void)
{
    for (; pool.next < pool.end; pool.next++) {
        frame_record(pool.next)->owner = NULL;
        buddy_put(pool.next, 0);
        block_own_frames--;
    }
}

/* Frames the pool may take from a piece of memory of `have` frames: no more than the unopened
 * blocks will need. */
static uint32_t pool_share(uint32_t have)
{
    uint64_t need = BLOCK_OPEN_FRAMES + block_unopened_count * BLOCK_RECORD_PAGES;
    uint32_t share = pool.size < need ? pool.size : (uint32_t)need;

    if (share > have / 2)
        share = have / 2 > BLOCK_OPEN_FRAMES ? have / 2 : BLOCK_OPEN_FRAMES;
    if (pool.size < POOL_MAX)
        pool.size *= 2;
    return share;
}

/* Back the records of a block. The caller has made sure that the frames suffice. */
static void make_records(pfn_t first)
{
    char *va = (char *)frame_record(first);

    for (unsigned i = 0; i < BLOCK_RECORD_PAGES; i++) {
        paddr_t pa = take_own_page();

        if (pa == 0 || !arch_map_frame_record_page(va + i * PAGE_SIZE, pa, take_own_page))
            panic("frames: no memory for the records of block %llx",
                  (unsigned long long)first << PAGE_SHIFT);
    }
    mark_open(first);
}

/* Put [start, end), inside an opened block, into the lists as the largest aligned runs. */
static void put_frames(pfn_t start, pfn_t end)
{
    while (start < end) {
        unsigned order = (unsigned)__builtin_ctz(start); /* never frame 0 */

        if (order > FRAME_MAX_ORDER)
            order = FRAME_MAX_ORDER;
        while (end - start < UINT32_C(1) << order)
            order--;
        assert(frame_state_get(frame_record(start)) == FRAME_RESERVED);
        assert_slow(!block_is_managed(start));
        buddy_put(start, order);
        start += UINT32_C(1) << order;
    }
}

/* Open the block at `block`, of which [start, end) is ours. Returns the first frame that did not go
 * to the pool. */
static pfn_t open_block(pfn_t block, pfn_t start, pfn_t end)
{
    if (pool.end - pool.next >= BLOCK_OPEN_FRAMES) {
        make_records(block);
        return start;
    }
    pool_empty();
    pool.next = start;
    pool.end = start + pool_share(end - start);
    make_records(block);
    mark_own(start, pool.end);
    return pool.end;
}

void block_open(pfn_t first)
{
    pfn_t end = first + BLOCK_FRAMES;

    put_frames(open_block(first, first, end), end);
}

static void open_next_block(void)
{
    block_open(find_unopened());
}

pfn_t block_find_unopened(pfn_t *start, pfn_t end)
{
    enum { WORDS = 64 }; /* that are looked at in one go: 8 GiB */
    uint64_t at = *start;

    for (unsigned n = 0; n < WORDS && at < end; n++) {
        uint32_t block = (uint32_t)(at / BLOCK_FRAMES);
        const struct block_map *page = map_page[block / MAP_BLOCKS];
        uint64_t bits = page ? page->unopened[block % MAP_BLOCKS / 64] >> (block % 64) : 0;

        if (bits) {
            at += (uint64_t)__builtin_ctzll(bits) * BLOCK_FRAMES;
            break;
        }
        at = (round_down(block, 64) + 64) * (uint64_t)BLOCK_FRAMES;
    }
    *start = at < end ? (pfn_t)at : end;
    return at < end && block_is_unopened((pfn_t)at) ? (pfn_t)at : PFN_NONE;
}

pfn_t block_take(unsigned order)
{
    pfn_t pfn = buddy_take(order);

    /* The first block opened may be the one that fills the pool: then it takes a second one for a
     * whole block. */
    for (unsigned i = 0; i < 2 && pfn == PFN_NONE && block_unopened_count > 0; i++) {
        open_next_block();
        pfn = buddy_take(order);
    }
    return pfn;
}

/* Give [start, end), a part of one block, to the allocator. `map_frame`, if not PFN_NONE, is the
 * frame before it, which the block map uses already. A part too small to be worth its records is
 * left out. */
static void add_piece(pfn_t start, pfn_t end, pfn_t map_frame)
{
    pfn_t block = (pfn_t)round_down(start, BLOCK_FRAMES);
    bool open = block_is_open(block);

    if (!open && end - start < BLOCK_PIECE_MIN)
        return;
    block_managed_frames += end - start;
    if (!open)
        start = open_block(block, start, end);
    if (map_frame != PFN_NONE) {
        mark_own(map_frame, map_frame + 1);
        block_managed_frames++;
    }
    put_frames(start, end);
}

/* Make the page of the map for `pfn` if it is not there: from the pool or, if that is empty, the
 * frame `pfn` itself. True if it is that. */
static bool ensure_map_page(pfn_t pfn)
{
    struct block_map **slot = &map_page[pfn / BLOCK_FRAMES / MAP_BLOCKS];

    if (*slot != NULL)
        return false;
    paddr_t pa = take_own_page();
    bool itself = pa == 0;
    if (itself) {
        pa = (paddr_t)pfn << PAGE_SHIFT;
        arch_zero_page(phys_to_virt(pa));
    }
    *slot = phys_to_virt(pa);
    return itself;
}

void block_add_range(pfn_t start, pfn_t end)
{
    const uint64_t map_frames = (uint64_t)MAP_BLOCKS * BLOCK_FRAMES;

    while (start < end) {
        pfn_t map_frame = ensure_map_page(start) ? start++ : PFN_NONE;
        uint64_t map_end = round_down(start, map_frames) + map_frames;
        pfn_t block_end = (pfn_t)round_down(start, BLOCK_FRAMES) + BLOCK_FRAMES;
        pfn_t stop = (pfn_t)round_down(end < map_end ? end : map_end, BLOCK_FRAMES);

        if (start % BLOCK_FRAMES == 0 && start < stop) {
            mark_unopened(start / BLOCK_FRAMES, stop / BLOCK_FRAMES);
        } else {
            stop = end < block_end ? end : block_end;
            add_piece(start, stop, map_frame);
        }
        start = stop;
    }
}

/* The first opened block at or after `block`; opened_end: none. */
static uint32_t next_open(uint32_t block)
{
    while (block < opened_end) {
        const struct block_map *page = map_page[block / MAP_BLOCKS];
        if (!page) {
            block = (uint32_t)round_down(block, MAP_BLOCKS) + MAP_BLOCKS;
            continue;
        }
        uint64_t bits = page->open[block % MAP_BLOCKS / 64] >> (block % 64);
        if (bits)
            return block + (uint32_t)__builtin_ctzll(bits);
        block = (uint32_t)round_down(block, 64) + 64;
    }
    return opened_end;
}

bool block_next_open(pfn_t *pfn)
{
    uint32_t first = *pfn / BLOCK_FRAMES, block = next_open(first);
    if (block >= opened_end)
        return false;
    if (block != first)
        *pfn = block * BLOCK_FRAMES;
    return true;
}

bool block_for_each_open(bool (*visit)(pfn_t first, void *context), void *context)
{
    for (uint32_t word = 0; word < MAP_PAGES * MAP_WORDS; word++) {
        const struct block_map *page = map_page[word / MAP_WORDS];

        if (page == NULL) {
            word |= MAP_WORDS - 1;
            continue;
        }
        for (uint64_t bits = page->open[word % MAP_WORDS]; bits != 0; bits &= bits - 1) {
            if (!visit((word * 64 + (uint32_t)__builtin_ctzll(bits)) * BLOCK_FRAMES, context))
                return false;
        }
    }
    return true;
}
