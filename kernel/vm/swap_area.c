/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas: runs of slots that the default pager adds and has drained (interfaces/swap.defs). They are made and given up a chunk of slots at a time.
 *
 *      NONE -> GROWING -> IN_USE <-> DRAINING -> GOING -> GONE -> NONE
 *                 |          |  nothing is there     ^      '- the pager has been told
 *                 '----------'---- and no pager -----'
 *
 * Numbers of slots are unique among areas that are not NONE. What may be promised (COMMITMENT) counts the slots of areas that are IN_USE. An area whose last
 * slots are LOST stays, without anything to be fetched, until their owners have gone: the pager is told nonetheless, for nobody asks it for them.
 */
#include "swap_impl.h"
#include <arch/timer.h>
#include <kern/commitment.h>
#include <kern/map.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/string.h>

/* ---- finding them; the lock is held ---- */

static bool has(const struct slot_area *area, uint32_t number)
{
    return area->phase != AREA_NONE && number - area->first < area->made;
}

bool swap_slot_exists(uint32_t number)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        if (has(&swap.area[i], number))
            return true;
    return false;
}

struct slot_area *swap_area_of(uint32_t number)
{
    unsigned i = 0;
    while (!has(&swap.area[i], number))
        i++;
    return &swap.area[i];
}

static struct slot_area *find(uint32_t first)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++) {
        struct slot_area *area = &swap.area[i];
        if ((area->phase == AREA_IN_USE || area->phase == AREA_DRAINING) && area->first == first)
            return area;
    }
    return NULL;
}

/* Page-out has to look anew at what it could do nothing about. The lock is held. */
static void note_change(void)
{
    atomic_fetch_add_explicit(&swap.changes, 1, memory_order_relaxed);
}

/* ---- what may be promised ---- */

static bool is_promised(uint32_t pages)
{
    struct ledger_account *account = &kernel_ledger.account[LEDGER_COMMITMENT];
    int64_t limit = atomic_load(&account->limit);
    return limit < LEDGER_NO_LIMIT && atomic_load(&account->used) > limit - (int64_t)pages;
}

/* ---- adding ---- */

static uint32_t chunks_of(uint32_t slots)
{
    return (slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
}

/* The first chunk of a place for so many: the lowest that is behind all areas which are in its way. */
static uint32_t find_place(uint32_t chunks)
{
    uint32_t at = 0;
    bool moved = true;
    while (moved) {
        moved = false;
        for (unsigned i = 0; i < SWAP_AREA_COUNT; i++) {
            const struct slot_area *area = &swap.area[i];
            uint32_t first = area->first / CHUNK_SLOTS, end = first + chunks_of(area->count);
            if (area->phase != AREA_NONE && at < end && first < at + chunks) {
                at = end;
                moved = true;
            }
        }
    }
    return at;
}

/* Its number, or SWAP_AREA_COUNT: there is no place. The lock is held. */
static unsigned reserve(uint32_t count)
{
    unsigned number = 0;
    while (number < SWAP_AREA_COUNT && swap.area[number].phase != AREA_NONE)
        number++;
    if (number == SWAP_AREA_COUNT || count > CHUNKS_MAX * CHUNK_SLOTS)
        return SWAP_AREA_COUNT;
    uint32_t at = find_place(chunks_of(count)), first = at * CHUNK_SLOTS;
    if (at + chunks_of(count) > CHUNKS_MAX)
        return SWAP_AREA_COUNT;
    swap.area[number] = (struct slot_area){.phase = AREA_GROWING,
                                           .first = first,
                                           .count = count,
                                           .cursor = first,
                                           .freed_cursor = first};
    return number;
}

static bool is_pager(const struct task *task)
{
    return swap.task == task && swap.port && !swap.died;
}

/* The lock is held. */
static kern_return_t begin(const struct task *task, uint32_t count, uint32_t priority,
                           const uint8_t *label, uint32_t label_size, unsigned *number)
{
    if (!is_pager(task))
        return KERN_NOT_FOUND;
    *number = reserve(count);
    if (*number == SWAP_AREA_COUNT)
        return KERN_LIMIT;
    struct slot_area *area = &swap.area[*number];
    area->priority = priority;
    area->label_size = (uint8_t)label_size;
    memcpy(area->label, label, label_size);
    return KERN_RETRY;
}

/* A chunk more, or (kr) none. The lock is held. KERN_NOT_FOUND: the pager has died meanwhile, and the area goes without it. */
static kern_return_t take_chunk(struct slot_area *area, uint32_t slots, kern_return_t kr)
{
    if (area->phase != AREA_GROWING)
        return KERN_NOT_FOUND;
    if (kr != KERN_SUCCESS) {
        area->phase = AREA_GOING;
        work_start(&swap.work);
        return kr;
    }
    area->made += slots;
    if (area->made < area->count)
        return KERN_RETRY;
    area->phase = AREA_IN_USE;
    area->enabled = true;
    swap.slots += area->count;
    note_change();
    pageout_enable_locked(); /* S10 */
    return KERN_SUCCESS;
}

static kern_return_t grow(struct slot_area *area)
{
    spin_lock(&swap.lock);
    bool grows = area->phase == AREA_GROWING;
    uint32_t at = area->first + area->made, left = area->count - area->made;
    spin_unlock(&swap.lock);
    if (!grows)
        return KERN_NOT_FOUND;
    uint32_t slots = left < CHUNK_SLOTS ? left : CHUNK_SLOTS;
    kern_return_t made = swap_make_chunk(at / CHUNK_SLOTS, slots);
    spin_lock(&swap.lock);
    kern_return_t kr = take_chunk(area, slots, made);
    spin_unlock(&swap.lock);
    if (kr == KERN_NOT_FOUND && made == KERN_SUCCESS)
        swap_free_chunk(at / CHUNK_SLOTS);
    return kr;
}

kern_return_t swap_add_area(struct task *task, uint32_t count, uint32_t priority,
                            const uint8_t *label, uint32_t label_size, uint64_t *progress,
                            uint32_t *first)
{
    kern_return_t kr = KERN_RETRY;
    unsigned number = (unsigned)*progress - 1;
    if (*progress == 0) {
        spin_lock(&swap.lock);
        kr = begin(task, count, priority, label, label_size, &number);
        spin_unlock(&swap.lock);
    }
    if (kr != KERN_RETRY)
        return kr;
    if (number >= SWAP_AREA_COUNT)
        return KERN_NOT_FOUND;
    *progress = number + 1;
    kr = grow(&swap.area[number]);
    if (kr != KERN_SUCCESS)
        return kr;
    *first = swap.area[number].first;
    commitment_add(count);
    pageout_retry();
    return KERN_SUCCESS;
}

/* ---- giving up ---- */

kern_return_t swap_drain(uint32_t first)
{
    kern_return_t kr = KERN_NOT_FOUND;
    uint32_t count = 0;
    spin_lock(&swap.lock);
    struct slot_area *area = find(first);
    if (area && area->phase == AREA_IN_USE)
        kr = is_promised(area->count) ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
    if (kr == KERN_SUCCESS) {
        area->phase = AREA_DRAINING;
        area->asked = true;
        area->refused = false;
        area->drain_cursor = first;
        count = area->count;
        swap.slots -= count;
        note_change();
        work_start(&swap.work);
    }
    spin_unlock(&swap.lock);
    commitment_add(-(int64_t)count);
    return kr;
}

/* Returns how many slots are to be promised again. The lock is held. */
static uint32_t use_again(struct slot_area *area)
{
    area->phase = AREA_IN_USE;
    area->asked = false;
    swap.slots += area->count;
    note_change();
    return area->count;
}

kern_return_t swap_keep(uint32_t first)
{
    uint32_t count = 0;
    spin_lock(&swap.lock);
    struct slot_area *area = find(first);
    if (area && area->phase == AREA_DRAINING)
        count = use_again(area);
    if (area)
        area->refused = false;
    spin_unlock(&swap.lock);
    commitment_add(count);
    pageout_retry();
    return area ? KERN_SUCCESS : KERN_NOT_FOUND;
}

/* It is given up, and others than those who have lost pages there would have something of it. */
static bool is_keepable(const struct slot_area *area)
{
    return area->phase == AREA_DRAINING && area->used > area->lost;
}

bool swap_can_keep(void)
{
    bool can = false;
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        can |= is_keepable(&swap.area[i]);
    spin_unlock(&swap.lock);
    return can;
}

bool swap_keep_all(void)
{
    uint32_t count = 0;
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++) {
        struct slot_area *area = &swap.area[i];
        if (!is_keepable(area))
            continue;
        area->refused = area->asked;
        count += use_again(area);
    }
    spin_unlock(&swap.lock);
    commitment_add(count);
    return count > 0;
}

bool swap_next_refused(uint32_t *first)
{
    unsigned i = 0;
    while (i < SWAP_AREA_COUNT && !swap.area[i].refused)
        i++;
    if (i == SWAP_AREA_COUNT)
        return false;
    swap.area[i].refused = false;
    *first = swap.area[i].first;
    return true;
}

/* The next page of an area to be fetched; those that are in memory, too, are given up on the way. The lock is held. True: *number; else
 * *more: there may be one further on. */
static bool next_to_fetch(struct slot_area *area, uint32_t *number, bool *more)
{
    enum { LOOK_AT = 256 };
    const uint32_t end = area->first + area->count;
    for (unsigned n = 0; n < LOOK_AT && swap_next_taken(&area->drain_cursor, end);
         n++, area->drain_cursor++) {
        *number = area->drain_cursor;
        const struct swap_slot *slot = swap_slot(*number);
        if (slot->state == SLOT_KEPT)
            swap_put_kept_slot(*number);
        else if (swap_slot_is_full(slot))
            return true;
    }
    *more = area->drain_cursor < end;
    if (!*more) /* what was on its way when the cursor passed may be there by now */
        area->drain_cursor = area->first;
    return false;
}

/* The lock is held. *frame is used up if it is a request's then. True: there is more to do at once. */
static bool drain(struct slot_area *area, struct frame **frame)
{
    enum { SPARE = SWAP_LOADS / 2 };
    uint32_t number;
    bool more = false;
    if (area->used == 0) {
        area->phase = AREA_GOING;
        return true;
    }
    if (!next_to_fetch(area, &number, &more))
        return more;
    if (*frame && swap_begin_load(number, *frame, SWAP_RUN_MAX - 1, SPARE)) {
        *frame = NULL;
        return true;
    }
    return false;
}

bool swap_drain_some(void)
{
    bool more = false, drains = false;
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        drains |= swap.area[i].phase == AREA_DRAINING;
    spin_unlock(&swap.lock);
    if (!drains)
        return false;
    /* What is kept back is not for that; pages have to leave for another area first, then. */
    pfn_t pfn = pageout_has_frames() ? frame_take_paid() : PFN_NONE;
    struct frame *frame = pfn == PFN_NONE ? NULL : frame_record(pfn);
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_AREA_COUNT && !more; i++)
        if (swap.area[i].phase == AREA_DRAINING &&
            (swap.area[i].used > swap.area[i].lost || swap.area[i].used == 0))
            more = drain(&swap.area[i], &frame);
    spin_unlock(&swap.lock);
    if (frame)
        frame_free_paid(frame);
    if (!more)
        pageout_look_again(); /* for a frame, or a request */
    return more;
}

/* ---- going ---- */

/* Nobody keeps anything any more, and there is nothing: all areas go. The lock is held. Returns what is not promised any more. */
static uint32_t leave_all(void)
{
    uint32_t promised = swap.slots;
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        if (swap.area[i].phase != AREA_NONE)
            swap.area[i].phase = AREA_GOING;
    swap.slots = 0;
    return promised;
}

/* A successor would find an area by its label: programs have been promised what is there. */
static bool is_labelled(void)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        if (swap.area[i].phase != AREA_NONE && swap.area[i].label_size > 0)
            return true;
    return false;
}

void swap_expect_nobody(void)
{
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        swap.area[i].label_size = 0;
    work_start(&swap.work);
    spin_unlock(&swap.lock);
}

static struct slot_area *next_going(void)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        if (swap.area[i].phase == AREA_GOING)
            return &swap.area[i];
    return NULL;
}

/* The last chunk of an area that goes: its number, or CHUNKS_MAX: it has none. The lock is held. */
static uint32_t take_off(struct slot_area *area)
{
    if (area->made == 0)
        return CHUNKS_MAX;
    uint32_t number = (area->first + area->made - 1) / CHUNK_SLOTS;
    area->made = number * CHUNK_SLOTS - area->first;
    return number;
}

bool swap_drop_slots(void)
{
    spin_lock(&swap.lock);
    bool nobody = !swap.port && swap.used == 0 && swap.slots > 0 && !is_labelled();
    uint32_t unpromised = nobody ? leave_all() : 0;
    struct slot_area *area = next_going();
    uint32_t number = area ? take_off(area) : CHUNKS_MAX;
    bool goes = area && area->made == 0, enabled = goes && area->enabled;
    swap.dropping = area != NULL;
    spin_unlock(&swap.lock);
    if (unpromised > 0)
        commitment_add(-(int64_t)unpromised);
    if (number != CHUNKS_MAX)
        swap_free_chunk(number);
    if (enabled)
        pageout_disable();
    if (goes) {
        spin_lock(&swap.lock);
        area->phase = area->asked && swap.port ? AREA_GONE : AREA_NONE;
        area->count = 0;
        swap.dropping = next_going() != NULL;
        spin_unlock(&swap.lock);
    }
    return area != NULL;
}

bool swap_next_drained(uint32_t *first)
{
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++) {
        struct slot_area *area = &swap.area[i];
        bool empty = area->phase == AREA_GONE ||
                     (area->phase == AREA_DRAINING && area->used == area->lost && area->used > 0);
        if (!area->asked || !empty)
            continue;
        area->asked = false;
        if (area->phase == AREA_GONE)
            area->phase = AREA_NONE;
        *first = area->first;
        return true;
    }
    return false;
}

/* ---- facts ---- */

bool swap_area_facts(uint32_t number, struct swap_area_facts *out)
{
    bool is = false;
    spin_lock(&swap.lock);
    if (number < SWAP_AREA_COUNT) {
        const struct slot_area *area = &swap.area[number];
        is = area->phase == AREA_IN_USE || area->phase == AREA_DRAINING;
        *out = (struct swap_area_facts){.first = area->first,
                                        .count = area->count,
                                        .used = area->used,
                                        .priority = area->priority,
                                        .draining = area->phase == AREA_DRAINING,
                                        .label_size = area->label_size};
        memcpy(out->label, area->label, sizeof(out->label));
    }
    spin_unlock(&swap.lock);
    return is;
}
