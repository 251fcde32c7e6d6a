/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Red-black trees. The five rules that rb_check() verifies:
 *
 * R1 the root is black; a missing child counts as black
 * R2 a red node has no red child
 * R3 every path from a node down to a missing child passes the same number of black nodes
 * R4 child and parent links agree
 * R5 `first` is the leftmost node
 *
 * Left and right cases are one: `side` is 0 or 1, and the mirror image of child[side] is
 * child[!side].
 */
#include <kern/rbtree.h>

static bool is_red(const struct rb_node *node)
{
    return node != NULL && node->red;
}

static unsigned side_of(const struct rb_node *node, const struct rb_node *parent)
{
    return parent->child[1] == node;
}

/* Put `node` (may be NULL) where `old` hangs below `parent` (NULL: at the root). */
static void replace_child(struct rb_tree *tree, struct rb_node *parent, const struct rb_node *old,
                          struct rb_node *node)
{
    if (parent == NULL)
        tree->root = node;
    else
        parent->child[side_of(old, parent)] = node;
    if (node != NULL)
        node->parent = parent;
}

/* Move `top` down to `side`; its child of the other side takes its place. */
[[gnu::noinline]] static void rotate(struct rb_tree *tree, struct rb_node *top, unsigned side)
{
    struct rb_node *up = top->child[!side];
    struct rb_node *inner = up->child[side];

    top->child[!side] = inner;
    if (inner != NULL)
        inner->parent = top;
    replace_child(tree, top->parent, top, up);
    up->child[side] = top;
    top->parent = up;
}

/* The outermost node of the subtree `node`, towards `side`. */
static struct rb_node *outermost(struct rb_node *node, unsigned side)
{
    while (node->child[side] != NULL)
        node = node->child[side];
    return node;
}

static struct rb_node *neighbour(const struct rb_node *node, unsigned side)
{
    struct rb_node *parent;

    if (node->child[side] != NULL)
        return outermost(node->child[side], !side);
    for (parent = node->parent; parent != NULL && side_of(node, parent) == side;
         parent = node->parent)
        node = parent;
    return parent;
}

struct rb_node *rb_next(const struct rb_node *node)
{
    return neighbour(node, 1);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
    return neighbour(node, 0);
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
    return tree->root == NULL ? NULL : outermost(tree->root, 1);
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, unsigned side)
{
    *node = (struct rb_node){.parent = parent, .red = true};
    if (parent == NULL)
        tree->root = node;
    else
        parent->child[side] = node;
    if (tree->first == NULL || (parent == tree->first && side == 0))
        tree->first = node;

    /* Only R2 can be broken, between `node` and its parent; so the grandparent exists. */
    while (is_red(node->parent)) {
        struct rb_node *grand = node->parent->parent;

        side = side_of(node->parent, grand);
        if (is_red(grand->child[!side])) {
            node->parent->red = false;
            grand->child[!side]->red = false;
            grand->red = true;
            node = grand;
            continue;
        }
        if (side_of(node, node->parent) != side) {
            node = node->parent;
            rotate(tree, node, side);
        }
        node->parent->red = false;
        grand->red = true;
        rotate(tree, grand, !side);
    }
    tree->root->red = false;
}

/* The subtree child[side] of `parent` lacks one black node (R3): give it one. */
static void restore_black(struct rb_tree *tree, struct rb_node *parent, struct rb_node *node)
{
    while (parent != NULL && !is_red(node)) {
        unsigned side = side_of(node, parent);
        struct rb_node *sibling = parent->child[!side];

        if (sibling->red) {
            sibling->red = false;
            parent->red = true;
            rotate(tree, parent, side);
            sibling = parent->child[!side];
        }
        if (!is_red(sibling->child[0]) && !is_red(sibling->child[1])) {
            sibling->red = true;
            node = parent;
            parent = node->parent;
            continue;
        }
        if (!is_red(sibling->child[!side])) {
            sibling->child[side]->red = false;
            sibling->red = true;
            rotate(tree, sibling, !side);
            sibling = parent->child[!side];
        }
        sibling->red = parent->red;
        parent->red = false;
        sibling->child[!side]->red = false;
        rotate(tree, parent, side);
        return;
    }
    if (node != NULL)
        node->red = false;
}

/* Put `next` (the successor of `node` in its right subtree) in the place and colour of `node`. */
static void take_place(struct rb_tree *tree, struct rb_node *node, struct rb_node *next)
{
    replace_child(tree, node->parent, node, next);
    next->red = node->red;
    for (unsigned side = 0; side < 2; side++) {
        next->child[side] = node->child[side];
        if (next->child[side] != NULL)
            next->child[side]->parent = next;
    }
}

void rb_remove(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *out = node; /* what leaves its place in the tree's shape */
    struct rb_node *parent, *orphan;
    bool was_red;

    if (tree->first == node)
        tree->first = rb_next(node);
    if (node->child[0] != NULL && node->child[1] != NULL)
        out = outermost(node->child[1], 0);
    parent = out->parent;
    orphan = out->child[out->child[0] == NULL];
    was_red = out->red;
    replace_child(tree, parent, out, orphan);
    if (out != node) {
        take_place(tree, node, out);
        if (parent == node)
            parent = out;
    }
    if (!was_red)
        restore_black(tree, parent, orphan);
}

/*
 * Walk all nodes in order, keeping the black depth of the path; the depth at every place where a
 * child is missing must be the same.
 */
bool rb_check(const struct rb_tree *tree)
{
    const struct rb_node *node = tree->root, *from = NULL;
    size_t depth = 0, expected = 0;

    if (node == NULL)
        return tree->first == NULL;
    if (node->red || node->parent != NULL || tree->first != outermost(tree->root, 0))
        return false;
    while (node != NULL) {
        const struct rb_node *next = node->parent;

        if (from == next) { /* first visit */
            depth += !node->red;
            for (unsigned side = 0; side < 2; side++) {
                const struct rb_node *child = node->child[side];

                if (child == NULL && expected == 0)
                    expected = depth;
                if (child == NULL ? depth != expected
                                  : child->parent != node || (node->red && child->red))
                    return false;
            }
        }
        if (from == node->parent && node->child[0] != NULL)
            next = node->child[0];
        else if ((from == node->parent || from == node->child[0]) && node->child[1] != NULL)
            next = node->child[1];
        else
            depth -= !node->red;
        from = node;
        node = next;
    }
    return true;
}
