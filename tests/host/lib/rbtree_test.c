/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Red-black trees against a sorted array, the structure verified after every step. And rb_check()
 * itself must notice damage.
 */
#include "check.h"

#include <kern/rbtree.h>

enum { NODES = 300, STEPS = 100000, VERIFY_ORDER = 16 };

struct item {
    struct rb_node node;
    uint32_t key;
    bool in_tree;
};

static struct item items[NODES];
static struct item *sorted[NODES];
static unsigned count;
static struct rb_tree tree = RB_TREE_INIT;

static struct item *item_of(struct rb_node *node)
{
    return rb_entry(node, struct item, node);
}

static void insert(struct item *item)
{
    struct rb_node *parent = NULL, *at = tree.root;
    unsigned side = 0, place = count;

    while (at != NULL) {
        parent = at;
        side = item->key >= item_of(at)->key;
        at = at->child[side];
    }
    memset(&item->node, 0xa5, sizeof(item->node)); /* rb_insert() relies on nothing in it */
    rb_insert(&tree, &item->node, parent, side);
    item->in_tree = true;
    for (; place > 0 && sorted[place - 1]->key > item->key; place--)
        sorted[place] = sorted[place - 1];
    sorted[place] = item;
    count++;
}

static void take_out(struct item *item)
{
    unsigned place = 0;

    rb_remove(&tree, &item->node);
    item->in_tree = false;
    while (sorted[place] != item)
        place++;
    count--;
    memmove(&sorted[place], &sorted[place + 1], (count - place) * sizeof(sorted[0]));
}

static void verify_order(void)
{
    struct rb_node *node = rb_first(&tree);

    for (unsigned i = 0; i < count; i++, node = rb_next(node))
        CHECK(node == &sorted[i]->node);
    CHECK(node == NULL);
    node = rb_last(&tree);
    for (unsigned i = count; i > 0; i--, node = rb_prev(node))
        CHECK(node == &sorted[i - 1]->node);
    CHECK(node == NULL);
}

static void random_steps(void)
{
    unsigned target = NODES / 2;

    for (int step = 0; step < STEPS; step++) {
        struct item *item = &items[check_below(NODES)];

        if (step % 1000 == 0) /* drift between empty and full */
            target = (unsigned)check_below(NODES + 1);
        if (item->in_tree && (count > target || check_below(4) == 0)) {
            take_out(item);
        } else if (!item->in_tree && (count < target || check_below(4) == 0)) {
            item->key = (uint32_t)check_below(check_below(2) ? 1000 : 10);
            insert(item);
        }
        CHECK(rb_check(&tree));
        CHECK(rb_first(&tree) == (count == 0 ? NULL : &sorted[0]->node));
        if (step % VERIFY_ORDER == 0)
            verify_order();
    }
    while (count > 0) {
        take_out(sorted[check_below(count)]);
        CHECK(rb_check(&tree));
    }
    CHECK(tree.root == NULL && tree.first == NULL && rb_last(&tree) == NULL);
}

static void damage_is_noticed(void)
{
    for (unsigned i = 0; i < 100; i++) {
        items[i].key = i;
        insert(&items[i]);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct rb_node *node = &items[i].node, *parent = node->parent;

        node->red = !node->red;
        CHECK(!rb_check(&tree));
        node->red = !node->red;
        node->parent = &items[(i + 50) % 100].node;
        if (node->parent != parent)
            CHECK(!rb_check(&tree));
        node->parent = parent;
    }
    tree.first = rb_next(tree.first);
    CHECK(!rb_check(&tree));
    tree.first = rb_prev(tree.first);
    CHECK(rb_check(&tree));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    random_steps();
    damage_is_noticed();
    return check_end();
}
