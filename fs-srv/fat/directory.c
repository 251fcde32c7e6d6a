/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders, read: entries of 32 bytes, of which some are parts of a long name and one, the short entry, is the file. What is no file (labels, deleted
 * entries, names that are not followed by theirs) is passed over; 65,536 entries are the end, whatever the chain says.
 */
#include "fat_impl.h"

uint32_t fat_entry_cluster(const struct fat *fat, const uint8_t entry[ENTRY])
{
    const uint32_t high = fat->shape.type == 32 ? read16(entry + ENTRY_CLUSTER_HIGH) : 0;

    return high << 16 | read16(entry + ENTRY_CLUSTER);
}

void fat_entry_set_cluster(uint8_t entry[ENTRY], uint32_t cluster)
{
    write16(entry + ENTRY_CLUSTER_HIGH, cluster >> 16);
    write16(entry + ENTRY_CLUSTER, cluster);
}

int fat_entry_place(struct fat_node *folder, uint32_t index, uint64_t *byte)
{
    struct fat *fat = folder->fat;
    const uint32_t in_cluster = fat_cluster_size(fat) / ENTRY;
    uint32_t cluster;

    if (index >= FOLDER_ENTRIES)
        return ENOENT;
    if (folder == &fat->root && fat->shape.type != 32) {
        if (index >= fat->shape.root_entries)
            return ENOENT;
        *byte = fat->shape.root * BLOCK + (uint64_t)index * ENTRY;
        return 0;
    }
    const int error = fat_chain_at(folder, index / in_cluster, &cluster);
    if (error)
        return error;
    *byte = fat_cluster_block(fat, cluster) * BLOCK + (uint64_t)(index % in_cluster) * ENTRY;
    return 0;
}

/* ---- walking ---- */

void fat_walk_begin(struct fat_walk *walk, struct fat_node *folder, uint32_t index)
{
    walk->folder = folder;
    walk->index = index;
    walk->loaded = 0;
    walk->gathered.parts = 0;
    walk->first = index;
}

static int load(struct fat_walk *walk)
{
    const uint32_t number = walk->index / BLOCK_ENTRIES;
    struct fat_block *block;
    int error;

    if (walk->loaded == (uint64_t)number + 1)
        return 0;
    error = fat_entry_place(walk->folder, number * BLOCK_ENTRIES, &walk->place);
    if (error)
        return error;
    error = fat_get(walk->folder->fat, walk->place / BLOCK, GET_AHEAD, &block);
    if (error)
        return error;
    memcpy(walk->bytes, block->bytes, BLOCK);
    fat_put(block);
    walk->loaded = (uint64_t)number + 1;
    return 0;
}

static bool is_dots(const uint8_t entry[ENTRY])
{
    return memcmp(entry, ".          ", SHORT_NAME) == 0 ||
           memcmp(entry, "..         ", SHORT_NAME) == 0;
}

/* What an entry is: a file, with all that is known of it, or nothing that is told. */
static int read_entry(struct fat_walk *walk, const uint8_t *entry, struct fat_found *out,
                      bool *is_file)
{
    const uint32_t index = walk->index;
    const uint8_t kind = entry[ENTRY_ATTRIBUTES] & ATTRIBUTE_MASK;
    bool moved = false;

    *is_file = false;
    if (kind == ATTRIBUTE_LONG && entry[0] != ENTRY_DELETED) {
        fat_long_add(&walk->gathered, entry);
        if (walk->gathered.parts != 0 && entry[0] & 0x40)
            walk->first = index;
        return 0;
    }
    out->has_long = fat_long_name(&walk->gathered, entry, &out->long_name);
    walk->gathered.parts = 0;
    if (entry[0] == ENTRY_DELETED || kind & ATTRIBUTE_LABEL || is_dots(entry))
        return 0;
    out->position = walk->place + (uint64_t)(index % BLOCK_ENTRIES) * ENTRY;
    if (entry[ENTRY_CASES] & CASES_MOVING) {
        const int error = fat_has_moved(walk->folder->fat, entry, out->position, &moved);
        if (error)
            return error;
    }
    memcpy(out->entry, entry, ENTRY);
    out->index = index;
    out->first = out->has_long ? walk->first : index;
    fat_short_name(entry, &out->short_name);
    *is_file = !moved;
    return 0;
}

int fat_walk_next(struct fat_walk *walk, struct fat_found *out)
{
    bool is_file = false;

    while (!is_file) {
        int error = load(walk);
        if (error)
            return error;
        const uint8_t *entry = fat_entry_at(walk->bytes, walk->index % BLOCK_ENTRIES);
        if (entry[0] == 0)
            return ENOENT;
        error = read_entry(walk, entry, out, &is_file);
        if (error)
            return error;
        walk->index++;
    }
    return 0;
}

int fat_find(struct fat_node *folder, const struct fat_name *name, struct fat_found *out)
{
    struct fat_walk walk;
    int error;

    fat_walk_begin(&walk, folder, 0);
    while ((error = fat_walk_next(&walk, out)) == 0)
        if ((out->has_long && fat_name_equal(&out->long_name, name)) ||
            fat_name_equal(&out->short_name, name))
            return 0;
    return error;
}

int fat_find_nothing(struct fat_node *folder)
{
    struct fat_walk walk;
    struct fat_found found;
    int error;

    fat_walk_begin(&walk, folder, 0);
    error = fat_walk_next(&walk, &found);
    return error == 0 ? ENOTEMPTY : error == ENOENT ? 0 : error;
}
