/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verification of one amap's tree (slow). Nodes that are shared do not change while it looks
 * (M1), the others are the amap's.
 */
#include "amap_impl.h"

static bool content_is_sound(const struct amap_node *node, void *content)
{
    const struct amap_node *below = content;

    if (atomic_load_explicit(amap_references(content), memory_order_relaxed) == 0)
        return false;
    return node->height == 0 || below->height + 1u == node->height;
}

static bool node_is_sound(const struct amap_node *node)
{
    unsigned used = 0;

    if (node->height > AMAP_HEIGHT_MAX || node->ledger == NULL || node->next != NULL)
        return false;
    for (unsigned i = 0; i < AMAP_SLOTS; i++) {
        if (node->slot[i] == NULL)
            continue;
        if (!content_is_sound(node, node->slot[i]))
            return false;
        used++;
    }
    return used > 0 && used == node->used;
}

/* Every node once, from the top, slots in order: the way to the present one, and where each node of
 * it is looked at. */
static bool tree_is_sound(const struct amap_node *root)
{
    const struct amap_node *way[AMAP_HEIGHT_MAX + 1] = {root};
    unsigned at[AMAP_HEIGHT_MAX + 1] = {0}, depth = 0;

    if (!node_is_sound(root))
        return false;
    for (;;) {
        const struct amap_node *node = way[depth];

        if (node->height == 0 || at[depth] == AMAP_SLOTS) {
            if (depth == 0)
                return true;
            depth--;
            continue;
        }
        const struct amap_node *below = node->slot[at[depth]++];
        if (below == NULL)
            continue;
        if (!node_is_sound(below))
            return false;
        way[++depth] = below;
        at[depth] = 0;
    }
}

bool amap_check(struct amap *amap)
{
    spin_lock(&amap->lock);
    const struct amap_node *root = amap->root;
    bool low = root == NULL || root->height == 0 || root->used > 1 || root->slot[0] == NULL;
    bool sound = low && (root == NULL ||
                         (atomic_load_explicit(&root->references, memory_order_relaxed) > 0 &&
                          tree_is_sound(root)));
    spin_unlock(&amap->lock);
    return sound;
}
