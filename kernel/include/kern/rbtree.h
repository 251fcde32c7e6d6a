/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Red-black tree, intrusive and ordered by the caller: insertion walks down with the caller's
 * comparison (as the deadline queue and the address maps need), then calls rb_insert() with the
 * place it found. O(log n), no allocation, no recursion. The least node is cached. Locking is the
 * owner's. (kernel/lib/rbtree.c)
 */
#pragma once

#include <kern/types.h>

struct rb_node {
    struct rb_node *parent;
    struct rb_node *child[2]; /* [0] smaller, [1] greater */
    bool red;
};

struct rb_tree {
    struct rb_node *root;
    struct rb_node *first; /* least node, NULL when empty */
};

#define RB_TREE_INIT \
    {                \
        NULL, NULL   \
    }
#define rb_entry(node, type, member) container_of(node, type, member)

/** Link `node` as child[side] of `parent` (NULL: the tree is empty), then restore the balance. */
void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, unsigned side);
void rb_remove(struct rb_tree *tree, struct rb_node *node);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
struct rb_node *rb_last(const struct rb_tree *tree);

static inline struct rb_node *rb_first(const struct rb_tree *tree)
{
    return tree->first;
}

/** Check colours, black heights, links and the cached first node; for tests and assert_slow. */
bool rb_check(const struct rb_tree *tree);
