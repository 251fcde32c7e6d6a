/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots of pages that came back (kern/swap.h: S9): what is in them is in a frame, too, as long as nobody has written there. Whether somebody has is
 * told by the page's sum when it leaves again. What a pager that died has kept counts only for pages that are nowhere else. The SWAP lock is held, but for what says otherwise.
 */
#include "swap_impl.h"
#include <kern/panic.h>

/* So many of a hundred slots may be used before pages give theirs up when they come back. */
enum { KEEP_BELOW = 75 };

unsigned swap_keep_slot(struct frame *frame, uint32_t number)
{
    struct swap_slot *slot = swap_slot(number);
    if (swap_area_of(number)->phase != AREA_IN_USE ||
        (uint64_t)swap.used * 100 > (uint64_t)swap.slots * KEEP_BELOW)
        return 0;
    slot->state = SLOT_KEPT;
    slot->request = swap.pagers;
    swap.kept++;
    frame->prev = number;
    return FRAME_FLAG_KEPT;
}

bool swap_kept_by_pager(uint32_t number)
{
    return swap_slot(number)->request == swap.pagers;
}

bool swap_kept_slot(const struct frame *frame, uint32_t *number)
{
    if (!(atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_KEPT))
        return false;
    *number = frame->prev;
    assert(swap_slot(*number)->state == SLOT_KEPT);
    return true;
}

void swap_put_kept(struct frame *frame)
{
    uint32_t number;
    if (!swap_kept_slot(frame, &number))
        return;
    (void)atomic_fetch_and_explicit(&frame->flags, (uint16_t)~FRAME_FLAG_KEPT,
                                    memory_order_relaxed);
    swap.kept--;
    swap_put_slot(number);
}

void swap_forget_kept(struct frame *frame)
{
    spin_lock(&swap.lock);
    swap_put_kept(frame);
    spin_unlock(&swap.lock);
}

/* One whose page is about to leave is that page's place in a moment. */
void swap_put_kept_slot(uint32_t number)
{
    const struct anon *anon = swap_slot(number)->anon;
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    if ((where & ANON_STATE) == ANON_HERE)
        swap_put_kept(frame_record(where));
}

void swap_reclaim_kept(void)
{
    enum { LOOK_AT = 256 };
    static unsigned area_at; /* SWAP lock, as the next */
    static uint32_t at;
    if (swap.kept == 0)
        return;
    const struct slot_area *area = &swap.area[area_at];
    bool has_slots = area->phase == AREA_IN_USE || area->phase == AREA_DRAINING;
    if (at < area->first)
        at = area->first;
    for (unsigned n = 0; has_slots && n < LOOK_AT && at < area->first + area->count; n++, at++)
        if (swap_slot(at)->state == SLOT_KEPT)
            swap_put_kept_slot(at);
    if (!has_slots || at >= area->first + area->count) {
        area_at = (area_at + 1) % SWAP_AREA_COUNT;
        at = 0;
    }
}
