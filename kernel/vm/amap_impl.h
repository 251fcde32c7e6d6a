/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of amaps only: how a page's number leads down a tree, and what is done to single
 * nodes. "Private" is a node that the amap whose lock is held reaches through nodes of one reference
 * only, itself included: the amap may change it (M1).
 *
 *   amap_node.c    nodes: made, copied, given back; the way down made private, the tree made tidy
 *   amap.c         amaps, and single pages
 *   amap_copy.c    amap_copy()
 *   amap_remove.c  amap_remove()
 *   amap_reap.c    trees that nobody sees any more
 *   amap_check.c   amap_check()
 */
#pragma once

#include <kern/amap.h>
#include <kern/panic.h>

/** What the slots of nodes of a height, or the pages below one slot, are numbered by. */
static inline unsigned amap_shift(unsigned height)
{
    return height * AMAP_SLOT_BITS;
}

/** The slot of a page in the node of that height. */
static inline unsigned amap_index(uint64_t page, unsigned height)
{
    return (unsigned)(page >> amap_shift(height)) % AMAP_SLOTS;
}

/** The first, and the last, page below the node of that height which is on the page's way. */
static inline uint64_t amap_base(uint64_t page, unsigned height)
{
    return page >> amap_shift(height + 1) << amap_shift(height + 1);
}

static inline uint64_t amap_end(uint64_t page, unsigned height)
{
    return page | ((UINT64_C(1) << amap_shift(height + 1)) - 1);
}

/** Can the page be below a root of that height? */
static inline bool amap_reaches(unsigned height, uint64_t page)
{
    return page >> amap_shift(height) >> AMAP_SLOT_BITS == 0;
}

/** The last of `pages` > 0 pages from `first` on, or the last number there is. */
static inline uint64_t amap_last(uint64_t first, uint64_t pages)
{
    return pages - 1 > UINT64_MAX - first ? UINT64_MAX : first + (pages - 1);
}

/** The references of what a slot holds: they come first in anons and nodes. */
static inline _Atomic uint32_t *amap_references(void *content)
{
    return content;
}
_Static_assert(offsetof(struct anon, references) == 0 &&
                   offsetof(struct amap_node, references) == 0,
               "what is in a slot begins with its references");

/** One reference, which is the asker's. Acquire: what others did who had one is done. */
static inline bool amap_is_sole(void *content)
{
    return atomic_load_explicit(amap_references(content), memory_order_acquire) == 1;
}

static inline void amap_hold(void *content)
{
    atomic_fetch_add_explicit(amap_references(content), 1, memory_order_relaxed);
}

/** amap_lookup(), and what a fault wants to know beside, in one walk. *leaf: the node that has the page's slot, if it is private,
 *  or NULL. *owned: the page is there, and may be written in place (amap_owns()). Amap lock held. */
static inline struct anon *amap_find(const struct amap *amap, uint64_t page,
                                     struct amap_node **leaf, bool *owned)
{
    struct amap_node *node = amap->root;

    *leaf = NULL;
    *owned = false;
    if (node == NULL || !amap_reaches(node->height, page))
        return NULL;
    bool sole = amap_is_sole(node);
    for (unsigned shift = amap_shift(node->height); shift != 0; shift -= AMAP_SLOT_BITS) {
        node = node->slot[(page >> shift) % AMAP_SLOTS];
        if (node == NULL)
            return NULL;
        sole &= amap_is_sole(node);
    }
    struct anon *anon = node->slot[page % AMAP_SLOTS];
    if (!sole)
        return anon;
    *leaf = node;
    *owned = anon != NULL && amap_is_sole(anon);
    return anon;
}

/** M6. */
struct amap_pair {
    struct amap amap;
    _Atomic uint32_t parts; /* of the two that are there */
    struct amap_node leaf;
};
/** One of them has gone. */
void amap_part_free(struct amap_pair *pair);

/** An empty node, one reference. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t amap_node_create(struct ledger *ledger, unsigned height, struct amap_node **out);
/** Free a node without references, whose slots are empty or given away. */
void amap_node_free(struct amap_node *node);
/** Fill an empty node with what slots low to high, both included, of another have, with references
 *  of its own. At most 64 references are raised. */
void amap_node_fill(struct amap_node *node, const struct amap_node *from, unsigned low,
                    unsigned high);

/** The node of that height on the page's way, private, made if it is missing (and empty then): the
 *  way to it likewise, and the root as high as the page needs. Amap lock held. KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE: nothing is changed. */
kern_return_t amap_way(struct amap *amap, uint64_t page, unsigned height, struct amap_node **out);
/** The leaf for a page that has none, empty, if that takes few new nodes, which are at hand, and no copies. Else
 *  KERN_BUSY; and as above. */
kern_return_t amap_new_leaf(struct amap *amap, uint64_t page, struct amap_node **out);
/** Free the empty nodes on the page's way (M3), and make the root as low as it can be. Amap lock
 *  held. */
void amap_tidy(struct amap *amap, uint64_t page);

/** Drop a reference on a node. The last one leaves the tree below to the reaper, or frees it at once
 *  if it is small. Locks below KMEM may be held. */
void amap_tree_unref(struct amap_node *node);
/** The same, but left to the reaper in any case. */
void amap_tree_leave(struct amap_node *node);
void amap_reaper_init(void);
