/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are known by where their entries lie, and by nothing else: the folders that have them are looked for in all of the tree, in one walk for all that are wanted. A node on the way knows its
 * place in the folder above, where the walk goes on behind it, so that no depth of folders takes more than their nodes. Those may be more than options.nodes: all that files had that
 * are looked for may be in use already. What cannot be read, or opened, is passed over: the other folders have files, too.
 */
#include "fat_impl.h"
#include <stdlib.h>

struct walk {
    struct fat *fat;
    struct fat_wanted *wanted;
    uint32_t count, missing;
    int error; /* of what was passed over */
};

static int by_inode(const void *a, const void *b)
{
    const struct fat_wanted *left = a, *right = b;

    return left->inode < right->inode ? -1 : left->inode > right->inode;
}

static struct fat_wanted *wanted_of(struct fat_wanted *wanted, uint32_t count, uint64_t inode)
{
    const struct fat_wanted key = {.inode = inode};

    return count == 0 ? NULL : bsearch(&key, wanted, count, sizeof key, by_inode);
}

/* A rename of it that power cut short is ended before. */
static int open_wanted(struct walk *walk, struct fat_node *folder, struct fat_found *found,
                       struct fat_wanted *wanted, struct fat_node **out)
{
    int error = fat_end_move(folder, found);

    if (!error)
        error = fat_node_open(folder, found, out);
    if (!error && !wanted->node) {
        wanted->node = fat_reference(*out);
        walk->missing--;
    }
    return error;
}

/* The next folder in `folder` from entry `index` on, and on the way what is wanted; NULL: there is none, or none that can be found. */
static struct fat_node *next_folder(struct walk *walk, struct fat_node *folder, uint32_t index)
{
    struct fat_walk entries;
    struct fat_found found;
    struct fat_node *node;
    int error;

    fat_walk_begin(&entries, folder, index);
    while (walk->missing != 0 && (error = fat_walk_next(&entries, &found)) != ENOENT) {
        if (error) {
            walk->error = error;
            break;
        }
        struct fat_wanted *const wanted =
            wanted_of(walk->wanted, walk->count, found.position / ENTRY);
        const bool is_folder = found.entry[ENTRY_ATTRIBUTES] & ATTRIBUTE_FOLDER;
        if (!wanted && !is_folder)
            continue;
        error = wanted ? open_wanted(walk, folder, &found, wanted, &node)
                       : fat_node_open(folder, &found, &node);
        if (!error && is_folder)
            return node;
        if (error)
            walk->error = error;
        else
            fat_release(node);
        fat_walk_begin(&entries, folder, found.index + 1); /* its blocks may have changed */
    }
    return NULL;
}

/* All of the tree, unless all is found before. */
static void walk_tree(struct walk *walk)
{
    struct fat *fat = walk->fat;
    struct fat_node *folder = fat_reference(&fat->root), *next;
    uint32_t index = 0, folders = 0;

    fat->searching = true;
    while (walk->missing != 0) {
        next = next_folder(walk, folder, index);
        if (!next && !folder->parent)
            break;
        if (next && ++folders > fat->shape.end) { /* each has a cluster of its own (D1) */
            walk->error = fat_damaged(fat);
            fat_release(next);
            break;
        }
        index = next ? 0 : folder->index + 1; /* up again */
        next = next ? next : fat_reference(folder->parent);
        fat_release(folder);
        folder = next;
    }
    fat_release(folder);
    fat->searching = false;
}

/* The entry's place may be none that can be. */
static void look_for(struct fat *fat, struct fat_wanted *wanted, uint32_t count)
{
    struct walk walk = {.fat = fat, .wanted = wanted, .count = count};

    for (uint32_t i = 0; i < count; i++)
        walk.missing += wanted[i].inode < fat->storage->size / ENTRY;
    walk_tree(&walk);
    for (uint32_t i = 0; i < count; i++)
        wanted[i].error = wanted[i].node ? 0 : walk.error ? walk.error : ESTALE;
}

int fat_reopen(struct fat *fat, uint64_t inode, struct fat_node **out)
{
    struct fat_wanted one = {.inode = inode};

    if (inode == 1) {
        *out = fat_reference(&fat->root);
        return 0;
    }
    const struct fat_wanted *wanted = wanted_of(fat->wanted, fat->wanted_count, inode);
    if (wanted) {
        if (!wanted->error)
            *out = fat_reference(wanted->node);
        return wanted->error;
    }
    look_for(fat, &one, 1);
    *out = one.node;
    return one.error;
}

int fat_reopen_soon(struct fat *fat, const uint64_t *inodes, uint32_t count)
{
    struct fat_wanted *wanted = calloc(count != 0 ? count : 1, sizeof *wanted);
    uint32_t different = 0;

    if (!wanted)
        return ENOMEM;
    fat_reopened(fat);
    for (uint32_t i = 0; i < count; i++)
        wanted[i].inode = inodes[i];
    qsort(wanted, count, sizeof *wanted, by_inode);
    for (uint32_t i = 0; i < count; i++)
        if (different == 0 || wanted[i].inode != wanted[different - 1].inode)
            wanted[different++] = wanted[i];
    look_for(fat, wanted, different);
    fat->wanted = wanted;
    fat->wanted_count = different;
    return 0;
}

void fat_reopened(struct fat *fat)
{
    for (uint32_t i = 0; i < fat->wanted_count; i++)
        if (fat->wanted[i].node)
            fat_release(fat->wanted[i].node);
    free(fat->wanted);
    fat->wanted = NULL;
    fat->wanted_count = 0;
}
