/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is known by where its entry lies, and by nothing else: the folder that has it is looked for in all of the tree. A node on the way knows its place in the
 * folder above, where the search goes on behind it, so that no depth of folders takes more than their nodes. Those may be more than options.nodes: all that files
 * had that are looked for may be in use already.
 */
#include "fat_impl.h"

/* The entry's place cannot be. */
static bool is_nowhere(const struct fat *fat, uint64_t inode)
{
    return inode >= fat->storage->size / ENTRY;
}

/* The next folder or the file itself, in `folder` behind entry `index`. ENOENT: there is none. */
static int next_of(struct fat_node *folder, uint32_t index, uint64_t inode, struct fat_node **out)
{
    struct fat_walk walk;
    struct fat_found found;
    int error;

    fat_walk_begin(&walk, folder, index);
    while ((error = fat_walk_next(&walk, &found)) == 0) {
        const bool wanted = found.position / ENTRY == inode;
        if (!wanted && !(found.entry[ENTRY_ATTRIBUTES] & ATTRIBUTE_FOLDER))
            continue;
        if (wanted && (error = fat_end_move(folder, &found)) != 0)
            return error;
        return fat_node_open(folder, &found, out);
    }
    return error;
}

static int search(struct fat *fat, uint64_t inode, struct fat_node **out)
{
    struct fat_node *folder = fat_reference(&fat->root), *next;
    uint32_t index = 0;

    while (!is_nowhere(fat, inode)) {
        const int error = next_of(folder, index, inode, &next);
        if (error && error != ENOENT) {
            fat_release(folder);
            return error;
        }
        if (!error && next->position / ENTRY == inode) {
            fat_release(folder);
            *out = next;
            return 0;
        }
        if (error && !folder->parent)
            break;
        if (error) { /* up again */
            next = fat_reference(folder->parent);
            index = folder->index + 1;
        } else {
            index = 0;
        }
        fat_release(folder);
        folder = next;
    }
    return ESTALE;
}

int fat_reopen(struct fat *fat, uint64_t inode, struct fat_node **out)
{
    if (inode == 1) {
        *out = fat_reference(&fat->root);
        return 0;
    }
    fat->searching = true;
    const int error = search(fat, inode, out);
    fat->searching = false;
    return error;
}
