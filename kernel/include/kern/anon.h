/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages: one page of content that belongs to no file (D7). Whoever can see the page has a reference:
 * slots of the trees of kern/amap.h, and who works with it at the moment.
 *
 * A1 where: a frame, whose record has the anon as its owner and the paying ledger in owner_offset; or a slot
 *    of a swap area (kern/swap.h). One of the two at any time.
 * A2 the content is changed in place only by who is the only one to see it; else it is copied first. Memory that is
 *    shared on purpose is seen by several through one tree (kern/amap.h).
 * A3 the ledger that the frame was charged to (FRAMES, and KMEM for the anon) pays until the page is gone, whoever
 *    uses it then, and whether it is in a frame or out; the anon holds a reference on the ledger.
 * A5 one that is PINNED (kern/pin.h) is HERE or RESCUED, keeps its frame, and is written in place by those who share the amap that
 *    it was pinned in, whoever else may have a reference.
 * A4 who has found a page HERE or RESCUED may use its frame up to the next preemption point (kern/grace.h: G1): a page that
 *    is LEAVING is touched by page-out only when a grace period has passed since it was either, and its frame is freed
 *    then only.
 *
 *             chosen                      stored
 *      HERE ---------> LEAVING ------------------------------> OUT
 *       ^  ^             | wanted by somebody                   |
 *       |  |             v                                      |
 *       |  '-------- RESCUED                                    |
 *       |  stored, or not                                       |
 *       '-------------------------------------------------------'
 *                              loaded
 */
#pragma once

#include <kern/frame.h>
#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdatomic.h>

struct anon {
    _Atomic uint32_t references; /* ANON_GONE: 0, and page-out is to free it */
    _Atomic uint32_t
        where; /* A1: a frame's or slot's number, and the state. From HERE to LEAVING by who has the frame
                               FRAME_BUSY; else the SWAP lock for writing */
};
_Static_assert(sizeof(struct anon) == 8,
               "metadata of a resident page: 8, 8 for its place in a tree, 48 for the frame");

/** States, in `where`. AWAY: it cannot be used as it is. HELD: page-out has the frame. */
#define ANON_AWAY    UINT32_C(0x40000000)
#define ANON_HELD    UINT32_C(0x80000000)
#define ANON_STATE   (ANON_AWAY | ANON_HELD)
#define ANON_HERE    0
#define ANON_LEAVING ANON_STATE
#define ANON_OUT     ANON_AWAY

#define ANON_GONE UINT32_MAX

/** A new page with a frame: content zero, or unspecified (`zeroed` false: the caller fills it before anybody sees it). One
 *  reference. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t anon_create(struct ledger *ledger, bool zeroed, struct anon **out);
/** ANON_RUN new pages, zero, whose frames lie in a row, aligned to as many: only while memory is plentiful (FRAME_PLENTY). All or none,
 *  and then `out` has nothing of use; the same errors. */
enum { ANON_RUN_ORDER = 4, ANON_RUN = 1 << ANON_RUN_ORDER };
kern_return_t anon_create_run(struct ledger *ledger, void *out[ANON_RUN]);
static inline void anon_ref(struct anon *anon)
{
    atomic_fetch_add_explicit(&anon->references, 1, memory_order_relaxed);
}
/** The last reference frees page and frame: no mapping of it may be left (asserted by frame_free()). Locks below KMEM may be
 *  held. */
void anon_unref(struct anon *anon);
/** The same for who drops many. False: that was the last one, and the page is not HERE: the caller has to see to it that it goes, by anon_destroy(), or by
 *  swap_try_anons_gone(). */
bool anon_unref_here(struct anon *anon);
/** There is no reference any more. */
void anon_destroy(struct anon *anon);
/** A3: another pays from now on. Nobody else looks at it: it is found through the caller's lock only. KERN_LIMIT. */
kern_return_t anon_recharge(struct anon *anon, struct ledger *ledger);
/** Its frame, by A4; NULL: it is LEAVING or OUT. */
static inline struct frame *anon_frame(struct anon *anon)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_acquire);
    return unlikely(where & ANON_AWAY) ? NULL : frame_record(where & ~ANON_STATE);
}
/** Can it be used as it is, by A4? And where the frame is of one that anon_frame_held() is for. */
static inline bool anon_is_usable(struct anon *anon)
{
    return !(atomic_load_explicit(&anon->where, memory_order_acquire) & ANON_AWAY);
}
static inline paddr_t anon_address(struct anon *anon)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    return (paddr_t)(where & ~ANON_STATE) << PAGE_SHIFT;
}
/** The frame of one that has been made, or found HERE or RESCUED, since the last preemption point (A4). */
static inline struct frame *anon_frame_held(struct anon *anon)
{
    return frame_record(atomic_load_explicit(&anon->where, memory_order_relaxed) & ~ANON_STATE);
}
/** Its frame, by A4, whatever page-out had in mind: for who has to change how it is mapped. NULL: it is OUT, and mapped nowhere. */
struct frame *anon_frame_if_any(struct anon *anon);
/** For kernel/vm/swap_*.c: free the record alone. */
void anon_free_record(struct anon *anon, struct ledger *ledger);
/** A5. False: it is not, or was not a moment ago: pins come and go under the lock of the amap. */
static inline bool anon_is_pinned(struct anon *anon)
{
    const struct frame *frame = anon_frame(anon);
    return frame && (atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_PINNED);
}
/** One more pin of it, which has been found HERE or RESCUED since the last preemption point (A4). KERN_LIMIT: there are too many. The
 *  lock of the amap that it is pinned in is held, as it is for the next. */
kern_return_t anon_pin(struct anon *anon);
/** One less. */
void anon_unpin(struct anon *anon);
/** Of one that is pinned: is it so once? */
static inline bool anon_has_last_pin(struct anon *anon)
{
    return anon_frame_held(anon)->next == 1;
}
/** Page-out leaves it alone from here on: its frame may be kept. It is HERE, or RESCUED. The caller is the only one to know of it, or
 *  keeps it from being paged out otherwise. */
void anon_keep(struct anon *anon);
/** That was in vain: it stays whose it was, and may be paged out as before. It has not become an object's. */
void anon_keep_no_more(struct anon *anon);
/** Page-out's hand leaves the frame of an anon alone from here on, and no object's name is in it any more: the object may go (X4 of kern/pageout.h). It
 *  waits for the hand, which takes no lock meanwhile. */
void anon_hide_frame(struct frame *frame);
/** A wired mapping of its frame has been made: page-out does not choose it from here on, and if it just has the page is rescued. It has been found HERE
 *  or RESCUED since the last preemption point (A4). */
void anon_wired(struct anon *anon);
