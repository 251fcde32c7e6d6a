/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Amaps: which anonymous page is where in a piece of memory. An amap is a tree of nodes of 64 slots over page numbers; it is as
 * high as its highest page in use needs. Nodes are shared: a copy of an amap has the same root, and what is to be
 * changed is copied on the way down, a node at a time. So a copy costs the same however many pages there are
 * (fork, out-of-line messages), and every operation is bounded.
 *
 * M1 a node's references: slots and roots that point at it. What lies below a node with more than one, or is reached
 *    through one, is not changed; it is the same for all who see it.
 * M2 a slot of a leaf (height 0) holds a reference on its anon. Inner slots hold one on the node below.
 * M3 a node has at least one slot in use, but while its amap is locked.
 * M4 nodes and amaps are charged (KMEM) to the ledger of the amap they were made for, and hold a reference on it.
 * M5 a tree that nobody sees any more is taken down by a work item, a few slots a step.
 * M6 an amap that is made with its first page is one object with that page's leaf, and one charge and reference of M4. Either may
 *    be gone long before the other: the memory is freed with the second of them.
 * M7 pages that devices know are pinned in one amap (kern/pin.h), all of whose users see them in place. A copy of such an amap begins
 *    with them, `unsettled`: nobody looks at it before they have been replaced by copies (amap_settle()).
 *
 * Locks: an amap's lock (rank AMAP) guards its root and all nodes reached through it that are its alone. References are
 * atomic: a count that is read as 1 under the lock of the amap that holds it stays 1, for nobody else can copy it.
 */
#pragma once

#include <kern/anon.h>
#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>

enum { AMAP_SLOT_BITS = 6, AMAP_SLOTS = 1 << AMAP_SLOT_BITS, AMAP_HEIGHT_MAX = 5 /* 2^36 pages */ };

struct amap_node {
    _Atomic uint32_t references; /* M1 */
    uint8_t height;              /* 0: slots are anons; constant */
    bool is_part;                /* M6; constant */
    uint16_t used;               /* slots in use; amap lock */
    struct ledger *ledger;       /* M4; constant */
    struct amap_node *next;      /* M5 */
    void *slot[AMAP_SLOTS];      /* struct anon, or struct amap_node one lower; amap lock */
};

struct amap {
    struct spinlock lock;
    _Atomic uint32_t references; /* map entries and memory entries: who has one sees every change */
    bool is_part;                /* M6; constant */
    bool unsettled;              /* M7; its lock, or who alone knows of it */
    uint16_t pins;               /* M7: who has, or may have, pages of it pinned; its lock */
    struct amap_node *root;      /* NULL: no page is there */
    struct ledger *ledger;       /* M4; and pays for pages that are made in it. Constant */
};

/** An empty amap, one reference. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t amap_create(struct ledger *ledger, struct amap **out);
/** One that has a page already, whose number is below AMAP_SLOTS. The reference on the anon passes, if it succeeds. */
kern_return_t amap_create_with(struct ledger *ledger, uint64_t page, struct anon *anon,
                               struct amap **out);
void amap_ref(struct amap *amap);
/** The last one: the tree is left to the reaper, or freed at once if it is small. */
void amap_unref(struct amap *amap);
/** The same, but a tree is always left to the reaper: for those who drop many in one go. */
void amap_unref_later(struct amap *amap);

/** The page of that number, without a reference; NULL: none. The lock is held. */
struct anon *amap_lookup(const struct amap *amap, uint64_t page);

/** The slot of a page, for a change: the way to it is the amap's alone afterwards (M1). *slot may be NULL: the caller who puts an
 *  anon there (with the reference it has) calls amap_count_slot(). An empty slot that stays so is given back with
 *  amap_forget_slot(). The lock is held. KERN_LIMIT, KERN_RESOURCE_SHORTAGE: nothing is changed that anybody could see. */
kern_return_t amap_slot(struct amap *amap, uint64_t page, struct anon ***slot);
void amap_count_slot(struct amap *amap, uint64_t page);
void amap_forget_slot(struct amap *amap, uint64_t page);

/** Is the page's anon this amap's alone: may it be written in place? The lock is held; the page is there. */
bool amap_owns(const struct amap *amap, uint64_t page);

/** A copy of `pages` pages from `first` on, under the same numbers; nothing else is in it. Both may be used at once afterwards;
 *  who maps pages of `from` writable takes that away itself, before. Takes the lock of `from`. KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t amap_copy(struct amap *from, uint64_t first, uint64_t pages, struct ledger *ledger,
                        struct amap **out);

/** All pages of `from` become those of `to`, which is empty, under the same numbers. Nobody else knows either of them. Nodes stay
 *  charged as they are (M4); what is made from now on is charged as `to` says. */
void amap_move(struct amap *from, struct amap *to);

/** Drop pages [first, first + pages), which nothing maps any more, a bounded piece of it; returns how many pages of the range, from
 *  its beginning, are done. KERN errors cannot happen: where a shared node would have to be copied for it and there is no memory,
 *  pages stay until the amap goes. Takes the lock. */
uint64_t amap_remove(struct amap *amap, uint64_t first, uint64_t pages);

/** The first page in use at or after *page; false: none. The lock is held. */
bool amap_next(const struct amap *amap, uint64_t *page);

/** Nothing waits to be taken down (tests). */
bool amap_reaper_is_idle(void);
/** Verify M1 (as far as one amap shows), M2, M3; slow. Takes the lock. */
bool amap_check(struct amap *amap);
void amap_init(void);
