/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy lists: free runs of 2^order frames inside opened blocks, aligned to their size.
 *
 * Only the record of a run's first frame is written: it says FRAME_FREE and the order. All other
 * frames of a free run are FRAME_RESERVED, so that a buddy can be judged by its own record alone.
 * Runs never grow beyond a block; so the buddy of a run below the highest order lies in the same
 * block and has a record.
 */
#include "frame_impl.h"
#include <kern/panic.h>

uint64_t buddy_free_frames;
pfn_t buddy_list[FRAME_MAX_ORDER + 1] = {
    PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE,
    PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE,
};
_Static_assert(FRAME_MAX_ORDER == 9, "buddy_list has one PFN_NONE an order");

static uint32_t nonempty; /* bit n: buddy_list[n] has a run. frames_lock */

static inline void list_add(pfn_t pfn, unsigned order)
{
    struct frame *frame = frame_record(pfn);

    frame->order = (uint8_t)order;
    frame_state_set(frame, FRAME_FREE);
    frame_list_push(&buddy_list[order], pfn);
    nonempty |= UINT32_C(1) << order;
}

static inline void list_take(pfn_t pfn, unsigned order)
{
    frame_list_remove(&buddy_list[order], pfn);
    if (buddy_list[order] == PFN_NONE)
        nonempty &= ~(UINT32_C(1) << order);
    frame_state_set(frame_record(pfn), FRAME_RESERVED);
}

unsigned buddy_smallest(void)
{
    return nonempty == 0 ? 0 : (unsigned)__builtin_ctz(nonempty);
}

pfn_t buddy_take(unsigned order)
{
    uint32_t fitting = nonempty >> order << order;

    if (fitting == 0)
        return PFN_NONE;

    unsigned have = (unsigned)__builtin_ctz(fitting);
    pfn_t pfn = buddy_list[have];
    list_take(pfn, have);
    while (have > order) {
        have--;
        list_add(pfn + (UINT32_C(1) << have), have);
    }
    struct frame *frame = frame_record(pfn);
    frame->order = (uint8_t)order;
    frame_state_set(frame, FRAME_USED);
    buddy_free_frames -= UINT64_C(1) << order;
    return pfn;
}

/* The order of the free run that has all of these frames; FRAME_MAX_ORDER + 1: there is none. */
static unsigned order_around(pfn_t pfn, unsigned order)
{
    for (; order <= FRAME_MAX_ORDER; order++) {
        const struct frame *head = frame_record(pfn >> order << order);

        if (frame_state_get(head) == FRAME_FREE && head->order == order)
            break;
    }
    return order;
}

bool buddy_take_at(pfn_t pfn, unsigned order)
{
    unsigned have = order_around(pfn, order);

    if (have > FRAME_MAX_ORDER)
        return false;
    pfn_t rest = pfn >> have << have;
    list_take(rest, have);
    while (have > order) { /* the half without it goes back */
        have--;
        pfn_t upper = rest + (UINT32_C(1) << have);
        bool is_upper = pfn >= upper;
        list_add(is_upper ? rest : upper, have);
        rest = is_upper ? upper : rest;
    }
    struct frame *frame = frame_record(pfn);
    frame->order = (uint8_t)order;
    frame_state_set(frame, FRAME_USED);
    buddy_free_frames -= UINT64_C(1) << order;
    return true;
}

void buddy_put(pfn_t pfn, unsigned order)
{
    buddy_free_frames += UINT64_C(1) << order;
    frame_state_set(frame_record(pfn), FRAME_RESERVED);
    for (; order < FRAME_MAX_ORDER; order++) {
        pfn_t buddy = pfn ^ (UINT32_C(1) << order);
        const struct frame *record = frame_record(buddy);

        if (frame_state_get(record) != FRAME_FREE || record->order != order)
            break;
        list_take(buddy, order);
        pfn &= ~(UINT32_C(1) << order);
    }
    list_add(pfn, order);
}
