/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of 2 MiB and the lazy making of frame records (docs/decisions/0003-lazy-frame-records.md).
 *
 * The block map has two bits a block - whole and unopened, opened - in pages that each cover 32 GiB of addresses and are
 * made when the first memory there is added. So adding a bank costs one bit a block, and a hole costs nothing.
 *
 * Opening a block needs frames: for its records and for the tables that map them. They come from runs that are free
 * already, packed together, so that the new block stays whole; block_take() keeps BLOCK_OPEN_FRAMES of them back as long
 * as there are blocks to open. Where there are none (the first block; a part of a block) they are carved from the new
 * memory itself. Frames used so are FRAME_USED with the owner `block_own_tag` and are never returned.
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

/* New memory that frames can be carved from before it is in any list: [next, end), of [first, end). */
struct carve {
    pfn_t first, next, end;
};

static struct block_map *map_page[MAP_PAGES]; /* frames_lock */
static uint32_t search_from; /* no unopened block below this word of the map. frames_lock */
static struct carve
    *carve_source; /* where take_frame() carves; NULL: it takes free runs. frames_lock */

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

/* In an opened block a frame is ours if the run it would be a part of, of some order, has a head. */
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

static void mark_unopened(pfn_t first)
{
    uint32_t block = first / BLOCK_FRAMES;

    assert(!block_is_unopened(first) && !block_is_open(first));
    map_page[block / MAP_BLOCKS]->unopened[block % MAP_BLOCKS / 64] |= UINT64_C(1) << (block % 64);
    block_unopened_count++;
    if (block / 64 < search_from)
        search_from = block / 64;
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
}

/* The lowest unopened block (low memory is what devices with short addresses can reach). There must be one.
 * Blocks never become unopened again, so the search goes over the map once in the life of the system. */
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

/* Note that `pfn`, whose record exists, is used by the allocator itself. */
static void mark_own(pfn_t pfn)
{
    struct frame *frame = frame_record(pfn);

    frame->owner = &block_own_tag;
    frame->order = 0;
    frame_state_set(frame, FRAME_USED);
    block_own_frames++;
}

/* A frame for the allocator itself, content undefined; PFN_NONE if there is none. Records of carved frames are written
 * when the block they lie in has been opened. */
static pfn_t take_own_frame(void)
{
    if (carve_source != NULL)
        return carve_source->next < carve_source->end ? carve_source->next++ : PFN_NONE;

    pfn_t pfn = buddy_take(0);
    if (pfn != PFN_NONE)
        mark_own(pfn);
    return pfn;
}

/* As above, zeroed, by address; 0 if there is none. Frame 0 is not used: frame_add_range() leaves it out. */
static paddr_t take_own_page(void)
{
    pfn_t pfn = take_own_frame();

    if (pfn == PFN_NONE)
        return 0;
    paddr_t pa = (paddr_t)pfn << PAGE_SHIFT;
    arch_zero_page(phys_to_virt(pa));
    return pa;
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

/* Make the frames of `piece`, all in one block, available; opens the block if it is not. Frames that were carved
 * before are accounted. False: too few to be worth it, nothing done. */
static bool add_piece(struct carve *piece)
{
    pfn_t block = (pfn_t)round_down(piece->first, BLOCK_FRAMES);

    if (!block_is_open(block)) {
        if (piece->end - piece->next < BLOCK_PIECE_MIN)
            return false;
        carve_source = buddy_free_frames >= BLOCK_OPEN_FRAMES ? NULL : piece;
        make_records(block);
        carve_source = NULL;
    }
    for (pfn_t pfn = piece->first; pfn < piece->next; pfn++)
        mark_own(pfn);
    put_frames(piece->next, piece->end);
    return true;
}

static void open_block(void)
{
    pfn_t first = find_unopened();
    struct carve whole = {first, first, first + BLOCK_FRAMES};
    bool added = add_piece(&whole);

    assert(added);
}

pfn_t block_take(unsigned order)
{
    uint64_t frames = UINT64_C(1) << order;

    /* Without the reserve the next block would have to be broken for its own records. */
    if (block_unopened_count > 0 && buddy_free_frames < frames + BLOCK_OPEN_FRAMES)
        open_block();
    pfn_t pfn = buddy_take(order);
    if (pfn == PFN_NONE && block_unopened_count > 0) {
        open_block();
        pfn = buddy_take(order);
    }
    return pfn;
}

/* Make the page of the map that `piece` needs, from free frames or from the piece. */
static void ensure_map_page(struct carve *piece)
{
    struct block_map **slot = &map_page[piece->first / BLOCK_FRAMES / MAP_BLOCKS];

    if (*slot != NULL)
        return;
    carve_source = buddy_free_frames > BLOCK_OPEN_FRAMES ? NULL : piece;
    paddr_t pa = take_own_page();
    carve_source = NULL;
    assert(pa != 0);
    *slot = phys_to_virt(pa);
}

void block_add_range(pfn_t start, pfn_t end)
{
    while (start < end) {
        pfn_t block = (pfn_t)round_down(start, BLOCK_FRAMES);
        struct carve piece = {start, start,
                              end - block < BLOCK_FRAMES ? end : block + BLOCK_FRAMES};

        ensure_map_page(&piece);
        if (piece.end - piece.next == BLOCK_FRAMES) {
            mark_unopened(block);
            block_managed_frames += BLOCK_FRAMES;
        } else if (add_piece(&piece)) {
            block_managed_frames += piece.end - piece.first;
        }
        start = piece.end;
    }
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
