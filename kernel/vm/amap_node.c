/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nodes of amaps: how they are made and copied, and how the way to a page becomes private.
 *
 * A shared node is copied by its new owner with a reference more on all it points at, and is
 * dropped afterwards. That may have been its last reference, for the others may have dropped theirs
 * at any time; what it points at has at least the copy's then.
 */
#include "amap_impl.h"
#include <kern/kmem.h>

static KMEM_CACHE_MEMORY(node_cache, struct amap_node);

kern_return_t amap_node_create(struct ledger *ledger, unsigned height, struct amap_node **out)
{
    void *object;
    kern_return_t kr = kmem_alloc(&node_cache, ledger, &object);

    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    struct amap_node *node = object;
    atomic_init(&node->references, 1);
    node->height = (uint16_t)height;
    node->ledger = ledger;
    ledger_ref(ledger);
    *out = node;
    return KERN_SUCCESS;
}

void amap_node_free(struct amap_node *node)
{
    struct ledger *ledger = node->ledger;

    kmem_free(&node_cache, ledger, node);
    ledger_unref(ledger);
}

void amap_node_fill(struct amap_node *node, const struct amap_node *from, unsigned low,
                    unsigned high)
{
    void **to = node->slot + low;
    unsigned used = 0;

    for (void *const *slot = from->slot + low; slot <= from->slot + high; slot++, to++) {
        if (*slot == NULL)
            continue;
        *to = *slot;
        amap_hold(*slot);
        used++;
    }
    node->used = (uint16_t)used;
}

static inline void fill_pair(void **to, void *const *from)
{
    void *even = from[0], *odd = from[1];

    to[0] = even;
    to[1] = odd;
    if (even != NULL)
        amap_hold(even);
    if (odd != NULL)
        amap_hold(odd);
}

/* The same for all slots; six nodes in one call of amap_way(), so it is made to be short: four slots
 * a turn, in pairs, and nothing is counted. */
static void fill_all(struct amap_node *node, const struct amap_node *from)
{
    for (unsigned i = 0; i < AMAP_SLOTS; i += 4) {
        fill_pair(&node->slot[i], &from->slot[i]);
        fill_pair(&node->slot[i + 2], &from->slot[i + 2]);
    }
    node->used = from->used;
}

/* Drop a node that was copied. What it points at has other references. */
static void drop_original(struct amap_node *node)
{
    uint32_t old = atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel);

    if (likely(old > 1))
        return;
    for (unsigned i = 0; i < AMAP_SLOTS; i++) {
        if (node->slot[i] == NULL)
            continue;
        assert_slow(atomic_load(amap_references(node->slot[i])) > 1);
        atomic_fetch_sub_explicit(amap_references(node->slot[i]), 1, memory_order_release);
    }
    amap_node_free(node);
}

/* --- the way to a page --- */

/* Nodes made before anything is changed; they are as many as can be needed. Linked by `next`. */
static struct amap_node *take(struct amap_node **spares, unsigned height)
{
    struct amap_node *node = *spares;

    assert(node);
    *spares = node->next;
    node->next = NULL;
    node->height = (uint16_t)height;
    return node;
}

static void give_back(struct amap_node *spares)
{
    while (spares != NULL)
        amap_node_free(take(&spares, 0));
}

static kern_return_t make_spares(struct ledger *ledger, unsigned count, struct amap_node **out)
{
    struct amap_node *spares = NULL;

    for (; count > 0; count--) {
        struct amap_node *node;
        kern_return_t kr = amap_node_create(ledger, 0, &node);

        if (kr != KERN_SUCCESS) {
            give_back(spares);
            return kr;
        }
        node->next = spares;
        spares = node;
    }
    *out = spares;
    return KERN_SUCCESS;
}

/* The lowest height of a root that reaches the page. */
static unsigned height_for(uint64_t page)
{
    unsigned height = 0;

    while (!amap_reaches(height, page))
        height++;
    return height;
}

/* How many nodes a private way to `height` takes, at most: those above the root and on the other
 * side of them, or those from the first shared or missing one downwards. */
static unsigned count_needed(const struct amap *amap, uint64_t page, unsigned height)
{
    struct amap_node *node = amap->root;
    unsigned top = height_for(page);

    if (node == NULL)
        return top - height + 1;
    if (top > node->height)
        return top - node->height + (top - height);
    while (node != NULL && amap_is_sole(node)) {
        if (node->height == height)
            return 0;
        top = node->height - 1u;
        node = node->slot[amap_index(page, node->height)];
    }
    return (node != NULL ? node->height : top) - height + 1;
}

static void grow(struct amap *amap, unsigned height, struct amap_node **spares)
{
    while (amap->root->height < height) {
        struct amap_node *node = take(spares, amap->root->height + 1u);

        node->slot[0] = amap->root;
        node->used = 1;
        amap->root = node;
    }
}

/* The private way down from the root, whose height is `top`. */
static struct amap_node *descend(struct amap *amap, uint64_t page, unsigned top, unsigned height,
                                 struct amap_node **spares)
{
    struct amap_node *above = NULL;

    for (;; top--) {
        struct amap_node *old = above == NULL ? amap->root : above->slot[amap_index(page, top + 1)];
        struct amap_node *node = old;

        if (old == NULL || !amap_is_sole(old)) {
            node = take(spares, top);
            if (old != NULL)
                fill_all(node, old);
            if (above == NULL) {
                amap->root = node;
            } else {
                above->slot[amap_index(page, top + 1)] = node;
                above->used += old == NULL;
            }
            if (old != NULL)
                drop_original(old);
        }
        if (top == height)
            return node;
        above = node;
    }
}

kern_return_t amap_way(struct amap *amap, uint64_t page, unsigned height, struct amap_node **out)
{
    struct amap_node *spares = NULL;
    unsigned top;

    assert(amap_reaches(AMAP_HEIGHT_MAX, page));
    kern_return_t kr = make_spares(amap->ledger, count_needed(amap, page, height), &spares);
    if (kr != KERN_SUCCESS)
        return kr;
    top = height_for(page);
    if (amap->root != NULL) {
        grow(amap, top, &spares);
        top = amap->root->height;
    }
    *out = descend(amap, page, top, height, &spares);
    give_back(spares); /* what was shared and is not any more */
    return KERN_SUCCESS;
}

/* --- tidiness --- */

static void lower_root(struct amap *amap)
{
    struct amap_node *root = amap->root;

    while (root != NULL && root->height > 0 && root->used == 1 && root->slot[0] != NULL) {
        amap->root = root->slot[0];
        if (amap_is_sole(root)) {
            amap_node_free(root);
        } else {
            amap_hold(amap->root);
            amap_tree_unref(root);
        }
        root = amap->root;
    }
}

void amap_tidy(struct amap *amap, uint64_t page)
{
    struct amap_node *way[AMAP_HEIGHT_MAX + 1] = {NULL};
    struct amap_node *node = amap->root;

    if (node == NULL || !amap_reaches(node->height, page))
        return;
    unsigned top = node->height, height = top;
    for (;; height--) {
        way[height] = node;
        node = height > 0 ? node->slot[amap_index(page, height)] : NULL;
        if (node == NULL)
            break;
    }
    for (; height <= top && way[height]->used == 0; height++) {
        amap_node_free(way[height]);
        if (height == top) {
            amap->root = NULL;
            return;
        }
        way[height + 1]->slot[amap_index(page, height + 1)] = NULL;
        way[height + 1]->used--;
    }
    lower_root(amap);
}
