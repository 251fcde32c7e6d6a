/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Amaps (kern/amap.h): their life, and what concerns one page. The ways of single pages are walked
 * by the shift of the node's height; at most six nodes.
 */
#include "amap_impl.h"
#include <kern/kmem.h>

static KMEM_CACHE_MEMORY(amap_cache, struct amap);
static KMEM_CACHE_MEMORY(pair_cache, struct amap_pair);

void amap_init(void)
{
    amap_reaper_init();
}

kern_return_t amap_create(struct ledger *ledger, struct amap **out)
{
    void *object;
    kern_return_t kr = kmem_alloc(&amap_cache, ledger, &object);

    if (kr != KERN_SUCCESS)
        return kr;
    struct amap *amap = object;
    spin_init(&amap->lock, LOCK_AMAP);
    atomic_init(&amap->references, 1);
    amap->ledger = ledger;
    ledger_ref(ledger);
    *out = amap;
    return KERN_SUCCESS;
}

kern_return_t amap_create_with(struct ledger *ledger, uint64_t page, struct anon *anon,
                               struct amap **out)
{
    void *object;
    kern_return_t kr = kmem_alloc(&pair_cache, ledger, &object);

    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    struct amap_pair *pair = object;
    spin_init(&pair->amap.lock, LOCK_AMAP);
    atomic_init(&pair->amap.references, 1);
    atomic_init(&pair->leaf.references, 1);
    atomic_init(&pair->parts, 2);
    pair->amap.is_part = pair->leaf.is_part = true;
    pair->amap.ledger = pair->leaf.ledger = ledger;
    pair->amap.root = &pair->leaf;
    pair->leaf.used = 1;
    pair->leaf.slot[page] = anon;
    ledger_ref(ledger);
    *out = &pair->amap;
    return KERN_SUCCESS;
}

static inline void pair_free(struct amap_pair *pair)
{
    struct ledger *ledger = pair->amap.ledger;

    kmem_free(&pair_cache, ledger, pair);
    ledger_unref(ledger);
}

void amap_part_free(struct amap_pair *pair)
{
    uint32_t old = atomic_fetch_sub_explicit(&pair->parts, 1, memory_order_acq_rel);

    assert(old == 1 || old == 2);
    if (old == 1)
        pair_free(pair);
}

void amap_ref(struct amap *amap)
{
    uint32_t old = atomic_fetch_add_explicit(&amap->references, 1, memory_order_relaxed);

    assert(old > 0 && old < UINT32_MAX);
}

static bool drop(struct amap *amap)
{
    uint32_t old = atomic_fetch_sub_explicit(&amap->references, 1, memory_order_acq_rel);

    assert(old > 0);
    return old == 1;
}

static void free_amap(struct amap *amap)
{
    struct ledger *ledger = amap->ledger;

    if (amap->is_part) {
        amap_part_free(container_of(amap, struct amap_pair, amap));
        return;
    }
    kmem_free(&amap_cache, ledger, amap);
    ledger_unref(ledger);
}

/* The first slot in use from `index` on; AMAP_SLOTS: none. */
static unsigned next_used(const struct amap_node *node, unsigned index)
{
    while (index < AMAP_SLOTS && node->slot[index] == NULL)
        index++;
    return index;
}

/* It has one page still, in a leaf that is one object with it and nobody else's. */
static inline bool is_small_pair(const struct amap *amap)
{
    const struct amap_node *root = amap->root;

    return amap->is_part && root == &container_of(amap, struct amap_pair, amap)->leaf &&
           root->used == 1 && amap_is_sole(amap->root);
}

void amap_unref(struct amap *amap)
{
    if (!drop(amap))
        return;
    if (is_small_pair(amap)) {
        struct amap_pair *pair = container_of(amap, struct amap_pair, amap);
        anon_unref(pair->leaf.slot[next_used(&pair->leaf, 0)]);
        pair_free(pair);
        return;
    }
    if (amap->root != NULL)
        amap_tree_unref(amap->root);
    free_amap(amap);
}

void amap_unref_later(struct amap *amap)
{
    if (!drop(amap))
        return;
    if (amap->root != NULL)
        amap_tree_leave(amap->root);
    free_amap(amap);
}

void amap_move(struct amap *from, struct amap *to)
{
    assert(to->root == NULL);
    to->root = from->root;
    from->root = NULL;
}

struct anon *amap_lookup(const struct amap *amap, uint64_t page)
{
    const struct amap_node *node = amap->root;

    if (node == NULL)
        return NULL;
    if (likely(node->height == 0)) /* most there are */
        return page < AMAP_SLOTS ? node->slot[page] : NULL;
    if (!amap_reaches(node->height, page))
        return NULL;
    for (unsigned shift = amap_shift(node->height); shift != 0; shift -= AMAP_SLOT_BITS) {
        node = node->slot[(page >> shift) % AMAP_SLOTS];
        if (node == NULL)
            return NULL;
    }
    return node->slot[page % AMAP_SLOTS];
}

[[gnu::noinline]] static kern_return_t make_slot(struct amap *amap, uint64_t page,
                                                 struct anon ***slot)
{
    struct amap_node *leaf;
    kern_return_t kr = amap_way(amap, page, 0, &leaf);

    if (kr == KERN_SUCCESS)
        *slot = (struct anon **)&leaf->slot[page % AMAP_SLOTS];
    return kr;
}

kern_return_t amap_slot(struct amap *amap, uint64_t page, struct anon ***slot)
{
    struct amap_node *node = amap->root;

    assert_slow(spin_is_held(&amap->lock));
    if (node == NULL || !amap_reaches(node->height, page))
        return make_slot(amap, page, slot);
    for (unsigned shift = amap_shift(node->height); amap_is_sole(node); shift -= AMAP_SLOT_BITS) {
        void **at = &node->slot[(page >> shift) % AMAP_SLOTS];

        if (shift == 0) {
            *slot = (struct anon **)at;
            return KERN_SUCCESS;
        }
        node = *at;
        if (node == NULL)
            break;
    }
    return make_slot(amap, page, slot);
}

void amap_count_slot(struct amap *amap, uint64_t page)
{
    struct amap_node *node = amap->root;

    for (unsigned shift = amap_shift(node->height); shift != 0; shift -= AMAP_SLOT_BITS)
        node = node->slot[(page >> shift) % AMAP_SLOTS];
    assert_slow(node->slot[page % AMAP_SLOTS] != NULL);
    node->used++;
}

void amap_forget_slot(struct amap *amap, uint64_t page)
{
    assert_slow(amap_lookup(amap, page) == NULL);
    amap_tidy(amap, page);
}

bool amap_owns(const struct amap *amap, uint64_t page)
{
    struct amap_node *node = amap->root;

    for (unsigned shift = amap_shift(node->height); amap_is_sole(node); shift -= AMAP_SLOT_BITS) {
        void *content = node->slot[(page >> shift) % AMAP_SLOTS];

        if (shift == 0)
            return amap_is_sole(content);
        node = content;
    }
    return false;
}

/* A node without a page from there on sends the walk back to the root, one level higher on the next
 * node's side: at most once a level, for behind it M3 holds. */
bool amap_next(const struct amap *amap, uint64_t *page)
{
    const struct amap_node *node = amap->root;
    uint64_t at = *page;

    while (node != NULL && amap_reaches(amap->root->height, at)) {
        unsigned height = node->height, wanted = amap_index(at, height);
        unsigned index = next_used(node, wanted);

        if (index == AMAP_SLOTS) {
            at = amap_end(at, height) + 1;
            node = amap->root;
            continue;
        }
        if (index != wanted)
            at = amap_base(at, height) + ((uint64_t)index << amap_shift(height));
        if (height == 0) {
            *page = at;
            return true;
        }
        node = node->slot[index];
    }
    return false;
}
