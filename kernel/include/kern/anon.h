/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages: one page of content that belongs to no file (D7). Whoever can see the page has a reference:
 * slots of the trees of kern/amap.h, and who works with it at the moment.
 *
 * A1 where: a frame, whose record has the anon as its owner and the paying ledger in owner_offset; or a slot
 *    of the swap area. One of the two at any time.
 * A2 the content is changed in place only by who is the only one to see it; else it is copied first. Memory that is
 *    shared on purpose is seen by several through one tree (kern/amap.h).
 * A3 the ledger that the frame was charged to (FRAMES, and KMEM for the anon) pays until the page is gone, whoever
 *    uses it then; the anon holds a reference on the ledger.
 */
#pragma once

#include <kern/frame.h>
#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdatomic.h>

struct anon {
    _Atomic uint32_t references;
    _Atomic uint32_t where; /* A1: frame number, or ANON_OUT | slot; the anon's lock for writing */
};
_Static_assert(sizeof(struct anon) == 8,
               "metadata of a resident page: 8, 8 for its place in a tree, 48 for the frame");

#define ANON_OUT UINT32_C(0x80000000)

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
/** The lock of an anon: one of a fixed number, by its address. Rank ANON. */
struct spinlock *anon_lock(const struct anon *anon);
/** Its frame; NULL: it is out. Lasts while the anon's lock is held, or the frame is wired, or nothing pages out. */
static inline struct frame *anon_frame(struct anon *anon)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_acquire);
    return where & ANON_OUT ? NULL : frame_record(where);
}
/** Has it a frame at this moment? And where that is. */
static inline bool anon_is_here(struct anon *anon)
{
    return !(atomic_load_explicit(&anon->where, memory_order_acquire) & ANON_OUT);
}
static inline paddr_t anon_address(struct anon *anon)
{
    return (paddr_t)atomic_load_explicit(&anon->where, memory_order_relaxed) << PAGE_SHIFT;
}
void anon_init(void);
