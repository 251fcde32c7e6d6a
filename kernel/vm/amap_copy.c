/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of amaps. A copy of everything has the same root. A copy of a range takes the lowest node
 * that has all of it, and if that has pages outside, new nodes in place of those that the ends of
 * the range cut: at most two a height.
 *
 * High trees are cut after the lock was given back: with a reference on the root nothing below it
 * changes (M1). Others would see nodes as shared meanwhile and copy them for nothing, which is worth
 * it only where cutting takes long.
 */
#include "amap_impl.h"

enum { CUT_LOCKED_HEIGHT = 2 }; /* five nodes at most */

struct range {
    uint64_t first, last;
};

/* Which slots of a node the range meets; false: all of it, and the node need not be cut. `page` is
 * one of the range that the node is on the way of. */
static bool is_cut(const struct range *range, uint64_t page, unsigned height, unsigned *low,
                   unsigned *high)
{
    bool left = range->first > amap_base(page, height),
         right = range->last < amap_end(page, height);

    *low = left ? amap_index(range->first, height) : 0;
    *high = right ? amap_index(range->last, height) : AMAP_SLOTS - 1;
    return left || right;
}

/* Copy the nodes on the way of `page`, one of the ends, that have pages outside of the range, with
 * the slots that have some inside. Those on the way of `done` as well have been. */
static kern_return_t cut(struct amap *amap, const struct range *range, uint64_t page,
                         const uint64_t *done)
{
    struct amap_node *above = NULL, *node = amap->root;

    for (; node != NULL; node = above->slot[amap_index(page, above->height)]) {
        unsigned height = node->height, low, high;

        if (!is_cut(range, page, height, &low, &high))
            break;
        if (done == NULL || amap_base(*done, height) != amap_base(page, height)) {
            struct amap_node *part;
            kern_return_t kr = amap_node_create(amap->ledger, height, &part);

            if (kr != KERN_SUCCESS)
                return kr;
            amap_node_fill(part, node, low, high);
            if (above == NULL)
                amap->root = part;
            else
                above->slot[amap_index(page, height + 1)] = part;
            amap_tree_unref(node);
            node = part;
        }
        if (height == 0)
            break;
        above = node;
    }
    return KERN_SUCCESS;
}

/* Leave nothing outside of the range. If that fails the tree is sound but for M3, and has too
 * much. */
static kern_return_t cut_both(struct amap *amap, const struct range *range)
{
    kern_return_t kr = cut(amap, range, range->first, NULL);

    if (kr == KERN_SUCCESS)
        kr = cut(amap, range, range->last, &range->first);
    if (kr != KERN_SUCCESS)
        return kr;
    amap_tidy(amap, range->first);
    amap_tidy(amap, range->last);
    return KERN_SUCCESS;
}

/* The lowest node that has all pages of the range, which is made to end with the tree; NULL: there
 * are none. */
static struct amap_node *lowest(const struct amap *amap, struct range *range)
{
    struct amap_node *node = amap->root;

    if (node == NULL || !amap_reaches(node->height, range->first))
        return NULL;
    if (!amap_reaches(node->height, range->last))
        range->last = amap_end(0, node->height);
    while (node != NULL && node->height > 0 && amap_index(range->last, node->height) == 0)
        node = node->slot[0];
    return node;
}

/* Put what the range has into an amap that nobody else knows yet. */
static kern_return_t copy_range(struct amap *from, struct range *range, struct amap *to)
{
    kern_return_t kr = KERN_SUCCESS;

    spin_lock(&from->lock);
    to->unsettled = from->pins > 0 || from->unsettled; /* M7 */
    to->root = lowest(from, range);
    if (to->root == NULL) {
        spin_unlock(&from->lock);
        return KERN_SUCCESS;
    }
    amap_hold(to->root);
    if (to->root->height > CUT_LOCKED_HEIGHT) {
        spin_unlock(&from->lock);
        return cut_both(to, range);
    }
    kr = cut_both(to, range);
    spin_unlock(&from->lock);
    return kr;
}

kern_return_t amap_copy(struct amap *from, uint64_t first, uint64_t pages, struct ledger *ledger,
                        struct amap **out)
{
    struct amap *amap;
    kern_return_t kr = amap_create(ledger, &amap);

    if (kr != KERN_SUCCESS)
        return kr;
    if (pages > 0)
        kr = copy_range(from, &(struct range){first, amap_last(first, pages)}, amap);
    if (kr != KERN_SUCCESS) {
        amap_unref(amap);
        return kr;
    }
    *out = amap;
    return KERN_SUCCESS;
}
