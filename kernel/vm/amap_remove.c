/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Removing pages from an amap, a piece a call: the largest node all of whose pages are in the range,
 * or a few pages of a leaf. What goes is dropped when the lock has been given back.
 */
#include "amap_impl.h"

enum { REMOVE_ANONS = 8 /* freed at a time, beside the copying of a way */ };

struct removal {
    uint64_t page, last;             /* the first page in use, and the last of the range */
    uint64_t end;                    /* the last page that is done */
    struct amap_node *tree;          /* what went: a node, NULL: none, */
    struct anon *anon[REMOVE_ANONS]; /* and anons */
    unsigned anons;
};

/* Take the node of that height on the way of r->page out. */
static void remove_node(struct amap *amap, struct removal *r, unsigned height)
{
    struct amap_node *above;

    r->end = amap_end(r->page, height);
    if (height == amap->root->height) {
        r->tree = amap->root;
        amap->root = NULL;
        return;
    }
    if (amap_way(amap, r->page, height + 1, &above) != KERN_SUCCESS)
        return; /* they stay */
    unsigned index = amap_index(r->page, height + 1);
    r->tree = above->slot[index];
    above->slot[index] = NULL;
    above->used--;
    amap_tidy(amap, r->page);
}

/* Take pages of a leaf out of which others stay. */
static void remove_pages(struct amap *amap, struct removal *r)
{
    struct amap_node *leaf;
    uint64_t end = amap_end(r->page, 0), page = r->page;

    r->end = end < r->last ? end : r->last;
    if (amap_way(amap, page, 0, &leaf) != KERN_SUCCESS)
        return; /* they stay */
    for (; page <= r->end && r->anons < REMOVE_ANONS; page++) {
        struct anon *anon = leaf->slot[page % AMAP_SLOTS];

        if (anon == NULL)
            continue;
        leaf->slot[page % AMAP_SLOTS] = NULL;
        leaf->used--;
        r->anon[r->anons++] = anon;
    }
    r->end = page - 1;
    amap_tidy(amap, r->page);
}

static void remove_piece(struct amap *amap, struct removal *r, uint64_t first)
{
    unsigned height = amap->root->height;

    for (;; height--) {
        if (amap_base(r->page, height) >= first && amap_end(r->page, height) <= r->last) {
            remove_node(amap, r, height);
            return;
        }
        if (height == 0)
            break;
    }
    remove_pages(amap, r);
}

uint64_t amap_remove(struct amap *amap, uint64_t first, uint64_t pages)
{
    struct removal r = {.page = first};

    if (pages == 0)
        return 0;
    r.last = r.end = amap_last(first, pages);
    spin_lock(&amap->lock);
    if (amap_next(amap, &r.page) && r.page <= r.last)
        remove_piece(amap, &r, first);
    spin_unlock(&amap->lock);
    if (r.tree != NULL)
        amap_tree_unref(r.tree);
    for (unsigned i = 0; i < r.anons; i++)
        anon_unref(r.anon[i]);
    return r.end == amap_last(first, pages) ? pages : r.end - first + 1;
}
