/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of memory in a row, where a device can reach them (kern/frame.h: frame_search). The lists of free runs know nothing of
 * addresses; so the search has stages, each in bounded pieces:
 *
 *   LISTS     the first few runs of the lists, which have it, mostly, when the ranges are all of memory or most of it
 *   UNOPENED  the first block in a range that nobody has had anything of yet
 *   OPENED    the records of opened blocks, run by run; once more when this CPU's cache has been given back
 *
 * What is longer than a block is two in a row, which are found by what heads them.
 *
 * Between two pieces anything may come and go: a search finds what was there when it came by, or nothing, but never takes what is
 * not free. A place in the midst of a run that has grown meanwhile looks like memory that is nobody's, and is passed over.
 */
#include "frame_impl.h"
#include <kern/panic.h>

enum stage { LISTS, UNOPENED, OPENED, OPENED_AGAIN, FAILED };

/* Pages that a run of the lists, one that has them, has at least. */
static unsigned order_of(uint32_t pages)
{
    unsigned order = 0;
    while (order < FRAME_MAX_ORDER && UINT32_C(1) << order < pages)
        order++;
    return order;
}

/* The `pages` first frames of a run that has been taken stay; they are made runs of their own, as large as can be. */
static void keep(pfn_t first, unsigned order, uint32_t pages)
{
    pfn_t at = first, end = first + (UINT32_C(1) << order);
    for (unsigned part = order + 1; part-- > 0;) {
        if (!(pages >> part & 1))
            continue;
        frame_record(at)->order = (uint8_t)part;
        frame_state_set(frame_record(at), FRAME_USED);
        at += UINT32_C(1) << part;
    }
    while (at < end) {
        unsigned part = (unsigned)__builtin_ctz(at - first);
        buddy_put(at, part);
        at += UINT32_C(1) << part;
    }
}

/* Where in a free run the pages could lie; PFN_NONE: it is not in a range. */
static pfn_t place_in(const struct frame_search *search, const struct frame_range *range, pfn_t run,
                      unsigned order)
{
    uint64_t size = UINT64_C(1) << order_of(search->pages);
    uint64_t at = round_up((uint64_t)range->start, size);
    if (at < run)
        at = run;
    bool fits =
        at + size <= run + (UINT64_C(1) << order) && at + search->pages <= (uint64_t)range->end;
    return fits ? (pfn_t)at : PFN_NONE;
}

static bool take_from(const struct frame_search *search, const struct frame_range *range, pfn_t run,
                      unsigned order, pfn_t *first)
{
    unsigned needed = order_of(search->pages);
    *first = place_in(search, range, run, order);
    if (*first == PFN_NONE || !buddy_take_at(*first, needed))
        return false;
    keep(*first, needed, search->pages);
    return true;
}

/* ---- stages; the lock is held. True: found; else search->stage, index and at are where to go on ---- */

/* A range may begin, and end, in the midst of a block. */
static void begin_range(struct frame_search *search)
{
    search->at = (pfn_t)round_down(search->range[search->index].start, BLOCK_FRAMES);
}

static void next_stage(struct frame_search *search)
{
    search->stage++;
    search->index = 0;
    begin_range(search);
}

static void next_range(struct frame_search *search)
{
    if (++search->index < search->ranges)
        begin_range(search);
    else
        next_stage(search);
}

static bool look_in_lists(struct frame_search *search, pfn_t *first)
{
    enum { EACH = 2, ALL = 64 };
    unsigned looked = 0;
    for (unsigned order = order_of(search->pages); order <= FRAME_MAX_ORDER; order++) {
        pfn_t run = buddy_list[order];
        for (unsigned n = 0; n < EACH && run != PFN_NONE; n++) {
            for (unsigned i = 0; i < search->ranges && looked < ALL; i++, looked++)
                if (take_from(search, &search->range[i], run, order, first))
                    return true;
            run = frame_record(run)->next;
        }
    }
    next_stage(search);
    return false;
}

/* Records from search->at on, `most` of them: false: nothing is there. */
static bool walk(struct frame_search *search, pfn_t end, unsigned most, pfn_t *first)
{
    const struct frame_range *range = &search->range[search->index];
    unsigned needed = order_of(search->pages);
    for (unsigned n = 0; n < most && search->at < end; n++) {
        const struct frame *head = frame_record(search->at);
        enum frame_state state = frame_state_get(head);
        unsigned order = head->order;
        if (state == FRAME_FREE && order >= needed &&
            take_from(search, range, search->at, order, first))
            return true;
        search->at += state == FRAME_RESERVED ? 1 : UINT32_C(1) << order;
    }
    return false;
}

/* A block that has just been opened has few runs, and what the allocator took for itself. */
static bool look_for_unopened(struct frame_search *search, pfn_t *first)
{
    const struct frame_range *range = &search->range[search->index];
    pfn_t block = block_find_unopened(&search->at, range->end);
    if (block == PFN_NONE) {
        if (search->at >= range->end)
            next_range(search);
        return false;
    }
    block_open(block);
    return walk(search, block + BLOCK_FRAMES, BLOCK_FRAMES, first);
}

static bool look_in_opened(struct frame_search *search, pfn_t *first)
{
    enum { RECORDS = 128 };
    const struct frame_range *range = &search->range[search->index];
    if (!block_next_open(&search->at) || search->at >= range->end) {
        next_range(search);
        return false;
    }
    pfn_t end = (pfn_t)round_down(search->at, BLOCK_FRAMES) + BLOCK_FRAMES;
    return walk(search, end, RECORDS, first);
}

/* ---- two blocks ---- */

static bool is_whole(pfn_t block)
{
    if (block_is_unopened(block))
        return true;
    const struct frame *head = frame_record(block);
    return block_is_open(block) && frame_state_get(head) == FRAME_FREE &&
           head->order == FRAME_MAX_ORDER;
}

/* False: the allocator needed some of them for itself. */
static bool take_two(pfn_t block, uint32_t pages)
{
    pfn_t second = block + BLOCK_FRAMES;
    if (block_is_unopened(block))
        block_open(block);
    if (block_is_unopened(second))
        block_open(second);
    if (!is_whole(block) || !is_whole(second))
        return false;
    bool both = buddy_take_at(block, FRAME_MAX_ORDER) && buddy_take_at(second, FRAME_MAX_ORDER);
    assert(both);
    keep(second, FRAME_MAX_ORDER, pages - BLOCK_FRAMES);
    return true;
}

static bool look_for_two(struct frame_search *search, pfn_t *first)
{
    enum { BLOCKS = 32 };
    const struct frame_range *range = &search->range[search->index];
    pfn_t from = search->at > range->start ? search->at : range->start;
    uint64_t at = round_up((uint64_t)from, BLOCK_FRAMES);
    for (unsigned n = 0; n < BLOCKS && at + search->pages <= (uint64_t)range->end; n++) {
        pfn_t block = (pfn_t)at;
        at += BLOCK_FRAMES;
        if (!is_whole(block) || !is_whole(block + BLOCK_FRAMES))
            continue;
        *first = block;
        if (take_two(block, search->pages))
            return true;
        break; /* opening takes its time */
    }
    search->at = (pfn_t)at;
    if (at + search->pages > (uint64_t)range->end)
        next_range(search);
    return false;
}

/* ---- all of it ---- */

static bool look(struct frame_search *search, pfn_t *first)
{
    if (search->pages > BLOCK_FRAMES) {
        if (search->stage < OPENED) {
            search->stage = OPENED - 1;
            next_stage(search);
        }
        return look_for_two(search, first);
    }
    switch ((enum stage)search->stage) {
    case LISTS: return look_in_lists(search, first);
    case UNOPENED: return look_for_unopened(search, first);
    default: return look_in_opened(search, first);
    }
}

kern_return_t frame_search_some(struct frame_search *search, pfn_t *first)
{
    pfn_t place;
    unsigned before = search->stage;
    assert(search->pages > 0 && search->pages <= FRAME_SEARCH_MAX);
    if (before >= FAILED || search->ranges == 0 || (before == LISTS && alloc_must_fail()))
        return KERN_RESOURCE_SHORTAGE;
    spin_lock(&frames_lock);
    bool admitted = frame_is_admitted(search->pages);
    bool found = admitted && look(search, &place);
    spin_unlock(&frames_lock);
    if (found) {
        *first = place;
        return KERN_SUCCESS;
    }
    if (!admitted || search->stage == FAILED)
        return KERN_RESOURCE_SHORTAGE;
    if (before != OPENED_AGAIN && search->stage == OPENED_AGAIN)
        frame_drain_cache();
    return KERN_RETRY;
}
