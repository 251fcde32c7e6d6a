/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of kernel/mem only: the three layers of the frame allocator, lowest first.
 *
 *   frame_buddy.c  free runs of opened blocks, in lists by order
 *   frame_block.c  which 2 MiB blocks exist and which are opened; makes records; feeds the buddy lists
 *   frame_reach.c  pieces of memory that lie where a device can reach them
 *   frame.c        per-CPU caches, charging, the public functions
 *
 * All of it is guarded by `frames_lock` except the caches, which are their CPU's own.
 */
#pragma once

#include <kern/frame.h>
#include <kern/spinlock.h>

enum {
    BLOCK_FRAMES = 1 << FRAME_MAX_ORDER,
    /* Pages that hold the records of one block: exactly 6, so blocks do not share record pages. */
    BLOCK_RECORD_PAGES = BLOCK_FRAMES * sizeof(struct frame) / PAGE_SIZE,
    /*
     * Frames that opening a block may need at most: its record pages and table pages for them. The
     * 24 KiB of records can straddle one boundary of tables, so two tables of the lowest level and
     * up to two of each of the two above.
     */
    BLOCK_OPEN_FRAMES = BLOCK_RECORD_PAGES + 6,
    /* Part of an unopened block that is not worth 6 pages of records, or could not even hold them.
     */
    BLOCK_PIECE_MIN = 16,
};
_Static_assert(BLOCK_RECORD_PAGES *PAGE_SIZE == BLOCK_FRAMES * sizeof(struct frame),
               "the records of a block fill whole pages");
_Static_assert(BLOCK_PIECE_MIN > BLOCK_OPEN_FRAMES, "a piece can hold its own records");

extern struct spinlock frames_lock;

/* --- lists of frame records, linked both ways by frame number; an empty head is PFN_NONE. Also
 *     used by kmem --- */

static inline void frame_list_push(pfn_t *head, pfn_t pfn)
{
    struct frame *frame = frame_record(pfn);

    frame->prev = PFN_NONE;
    frame->next = *head;
    if (*head != PFN_NONE)
        frame_record(*head)->prev = pfn;
    *head = pfn;
}

static inline void frame_list_remove(pfn_t *head, pfn_t pfn)
{
    struct frame *frame = frame_record(pfn);

    if (frame->prev != PFN_NONE)
        frame_record(frame->prev)->next = frame->next;
    else
        *head = frame->next;
    if (frame->next != PFN_NONE)
        frame_record(frame->next)->prev = frame->prev;
}

static inline enum frame_state frame_state_get(const struct frame *frame)
{
    return (enum frame_state)atomic_load_explicit(&frame->state, memory_order_relaxed);
}

/* Relaxed: what else is in the record is handed over with the lock or belongs to the one who
 * changes the state. */
static inline void frame_state_set(struct frame *frame, enum frame_state state)
{
    atomic_store_explicit(&frame->state, (uint8_t)state, memory_order_relaxed);
}

/* --- frame.c; frames_lock held --- */

/** May so many frames be taken from the lists, not for programs' pages? */
bool frame_is_admitted(uint64_t frames);

/* --- frame_buddy.c; frames_lock held --- */

/** Frames in all lists. */
extern uint64_t buddy_free_frames;
/** First free run of each order, PFN_NONE: none. */
extern pfn_t buddy_list[FRAME_MAX_ORDER + 1];

/** Take a run of 2^order frames; PFN_NONE if no list has one. Its record says FRAME_USED and
 * `order`. */
pfn_t buddy_take(unsigned order);
/** The same for the run that begins there, aligned to its size: false if any of it is not free in the lists. */
bool buddy_take_at(pfn_t pfn, unsigned order);
/** Order of the smallest runs there are; 0: there are none. */
unsigned buddy_smallest(void);
/** Put a run back, joining it with free buddies. Its record must be there and not FRAME_FREE. */
void buddy_put(pfn_t pfn, unsigned order);

/* --- frame_block.c; frames_lock held --- */

/** Blocks not yet opened: 512 free frames each. */
extern uint64_t block_unopened_count;
/** Frames ever added, and those of them the allocator itself uses. */
extern uint64_t block_managed_frames, block_own_frames;

/** Owner of the frames the allocator itself uses. */
extern char block_own_tag;

/** Take a run, opening blocks (at most two) as needed; PFN_NONE when there is none. */
pfn_t block_take(unsigned order);
/** The first unopened block that begins in frames [*start, end); PFN_NONE: none among the next few. *start, a block's first frame, is how
 *  far it has looked. */
pfn_t block_find_unopened(pfn_t *start, pfn_t end);
/** Open that one, unopened until now. The allocator may need some of it for itself. */
void block_open(pfn_t first);
/** Give frames to the allocator. */
void block_add_range(pfn_t start, pfn_t end);
bool block_is_unopened(pfn_t pfn);
bool block_is_open(pfn_t pfn);
/** The first frame at or after *pfn that is in an opened block. False: there is none. */
bool block_next_open(pfn_t *pfn);
/** The frame has been given to the allocator, free or not. */
bool block_is_managed(pfn_t pfn);
/** Call `visit` for every opened block (its first frame), in address order. False as soon as
 * `visit` says so. */
bool block_for_each_open(bool (*visit)(pfn_t first, void *context), void *context);
