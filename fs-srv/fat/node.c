/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes: files and folders that somebody has. They are found by where their short entry lies, so that there is one for each.
 *
 * D1 A folder's ancestors all have other clusters, and two nodes never have the same first cluster: what the medium says otherwise is damage, and is not opened.
 */
#include "fat_impl.h"
#include <stdlib.h>

#define NUMBER_GONE (UINT64_C(1) << 63)

static struct fat_node **bucket(struct fat *fat, uint64_t position)
{
    return &fat->nodes[position / ENTRY % NODE_HASH];
}

static struct fat_node *find(struct fat *fat, uint64_t position)
{
    struct fat_node *node = *bucket(fat, position);

    while (node && node->position != position)
        node = node->chain;
    return node;
}

void fat_node_forget(struct fat_node *node)
{
    struct fat_node **at = bucket(node->fat, node->position);

    while (*at && *at != node)
        at = &(*at)->chain;
    if (*at)
        *at = node->chain;
}

void fat_node_place(struct fat_node *node, uint64_t position, uint32_t first, uint32_t index)
{
    struct fat_node **at = bucket(node->fat, position);

    node->position = position;
    node->first = first;
    node->index = index;
    node->chain = *at;
    *at = node;
}

int fat_node_make(struct fat_node *folder, struct fat_node **out)
{
    struct fat *fat = folder->fat;
    struct fat_node *node;

    if (fat->node_count >= fat->options.nodes + (fat->searching ? NODES_OF_SEARCH : 0))
        return ENFILE;
    node = calloc(1, sizeof *node);
    if (!node)
        return ENOMEM;
    node->fat = fat;
    node->parent = fat_reference(folder);
    node->references = 1;
    fat->node_count++;
    *out = node;
    return 0;
}

/* D1 */
static bool is_alone(const struct fat *fat, const struct fat_node *node)
{
    const uint32_t cluster = node->cluster;

    if (cluster == fat->root.cluster)
        return false;
    for (unsigned i = 0; i < NODE_HASH; i++)
        for (const struct fat_node *other = fat->nodes[i]; other; other = other->chain)
            if (other->cluster == cluster)
                return false;
    return true;
}

/* D1, and its clusters begin with one that is in use. */
static int check_opened(struct fat *fat, const struct fat_node *node)
{
    uint32_t next;

    if (node->cluster == 0)
        return node->folder ? fat_damaged(fat) : 0;
    const int error = fat_table_get(fat, node->cluster, &next);
    if (error)
        return error;
    return next == TABLE_FREE || next == TABLE_BAD || !is_alone(fat, node) ? fat_damaged(fat) : 0;
}

int fat_node_open(struct fat_node *folder, const struct fat_found *found, struct fat_node **out)
{
    struct fat *fat = folder->fat;
    struct fat_node *node = find(fat, found->position);
    int error;

    if (node) {
        if (node->parent != folder) /* two folders share it */
            return fat_damaged(fat);
        *out = fat_reference(node);
        return 0;
    }
    if ((error = fat_node_make(folder, &node)) != 0)
        return error;
    memcpy(node->entry, found->entry, ENTRY);
    node->attributes = found->entry[ENTRY_ATTRIBUTES];
    node->folder = node->attributes & ATTRIBUTE_FOLDER;
    node->cluster = fat_entry_cluster(fat, found->entry);
    node->size = node->folder ? 0 : read32(found->entry + ENTRY_SIZE);
    error = check_opened(fat, node);
    fat_node_place(node, found->position, found->first, found->index);
    if (error) {
        fat_release(node);
        return error;
    }
    *out = node;
    return 0;
}

struct fat_node *fat_reference(struct fat_node *node)
{
    node->references++;
    return node;
}

void fat_node_give_free(struct fat_node *node)
{
    struct fat *fat = node->fat;

    if (node->cluster == 0)
        return;
    fat->note.cluster = node->cluster;
    if (fat_begin(fat) != 0)
        fat_survive_leave(fat, node->cluster);
    else
        fat_add_free(fat, 0, node->cluster);
    fat->note.cluster = 0;
}

void fat_release(struct fat_node *node)
{
    while (node->parent && --node->references == 0) {
        struct fat_node *parent = node->parent;
        fat_node_forget(node);
        if (node->gone) {
            node->fat->nameless--;
            fat_node_give_free(node);
        }
        node->fat->node_count--;
        free(node);
        node = parent;
    }
}

void fat_node_gone(struct fat_node *node)
{
    fat_node_forget(node);
    node->gone = true;
    node->fat->nameless++;
    fat_node_place(node, NUMBER_GONE | ++node->fat->numbers * ENTRY, 0, 0);
}

int fat_parent(struct fat_node *node, struct fat_node **out)
{
    if (node->gone)
        return ENOENT;
    *out = fat_reference(node->parent ? node->parent : node);
    return 0;
}

/* ---- attributes ---- */

void fat_node_stamp(const struct fat *fat, uint8_t entry[ENTRY], bool created)
{
    const int64_t now = fat->options.now ? fat->options.now(fat->options.context) : 0;
    uint16_t date, clock;
    uint8_t hundredths;

    fat_date(now, &date, &clock, &hundredths);
    write16(entry + ENTRY_DATE, date);
    write16(entry + ENTRY_TIME, clock);
    write16(entry + ENTRY_ACCESSED, date);
    if (created) {
        write16(entry + ENTRY_CREATED_DATE, date);
        write16(entry + ENTRY_CREATED_TIME, clock);
        entry[ENTRY_CREATED_HUNDREDTHS] = hundredths;
    }
}

static int get_entry(struct fat_node *node, struct fat_block **out)
{
    return fat_get(node->fat, node->position / BLOCK, GET_READ, out);
}

static void put_entry(struct fat_node *node, struct fat_block *block)
{
    memcpy(node->entry, block->bytes + node->position % BLOCK, ENTRY);
    fat_dirty(node->fat, block, CLASS_LATE);
    fat_put(block);
}

int fat_node_update(struct fat_node *node, bool modified)
{
    struct fat_block *block;
    int error;

    if (node->gone || !node->parent)
        return 0;
    const uint32_t before = fat_entry_cluster(node->fat, node->entry);
    if (before != node->cluster) {
        node->fat->note.cluster = before == 0 ? node->cluster : 0;
        error = fat_node_end_move(node);
        node->fat->note.cluster = 0;
        if (error)
            return error;
    }
    if ((error = get_entry(node, &block)) != 0)
        return error;
    uint8_t *const entry = block->bytes + node->position % BLOCK;
    if (modified) {
        node->attributes |= ATTRIBUTE_ARCHIVE;
        fat_node_stamp(node->fat, entry, false);
    }
    entry[ENTRY_ATTRIBUTES] = node->attributes;
    fat_entry_set_cluster(entry, node->cluster);
    write32(entry + ENTRY_SIZE, node->size);
    put_entry(node, block);
    return 0;
}

void fat_attributes(struct fat_node *node, struct fat_attributes *out)
{
    const struct fat *fat = node->fat;
    const uint8_t *e = node->entry;
    const uint64_t cluster = fat_cluster_size(fat);

    *out = (struct fat_attributes){
        .kind = node->folder ? FAT_FOLDER : FAT_FILE,
        .read_only = node->attributes & ATTRIBUTE_READ_ONLY,
        .inode = node->parent ? node->position / ENTRY : 1,
        .size = node->folder ? (uint32_t)cluster : node->size,
        .blocks = node->folder ? fat->shape.cluster_blocks
                               : (node->size + cluster - 1) / cluster * fat->shape.cluster_blocks,
        .links = !node->gone,
        .accessed = fat_time(read16(e + ENTRY_ACCESSED), 0, 0),
        .modified = fat_time(read16(e + ENTRY_DATE), read16(e + ENTRY_TIME), 0),
    };
    out->created = e[ENTRY_CASES] & (CASES_MOVED | CASES_MOVING) /* rename.c */
                       ? out->modified
                       : fat_time(read16(e + ENTRY_CREATED_DATE), read16(e + ENTRY_CREATED_TIME),
                                  e[ENTRY_CREATED_HUNDREDTHS]);
}

int fat_set_attributes(struct fat_node *node, uint32_t which,
                       const struct fat_attributes *attributes)
{
    struct fat_block *block;
    uint16_t date, clock;
    uint8_t hundredths;
    int error;

    if (!node->parent)
        return EPERM;
    if ((error = fat_begin(node->fat)) != 0 || node->gone)
        return error;
    if ((error = get_entry(node, &block)) != 0)
        return error;
    uint8_t *const entry = block->bytes + node->position % BLOCK;
    if (which & FAT_SET_READ_ONLY)
        node->attributes = (uint8_t)((node->attributes & ~ATTRIBUTE_READ_ONLY) |
                                     (attributes->read_only ? ATTRIBUTE_READ_ONLY : 0));
    entry[ENTRY_ATTRIBUTES] = node->attributes;
    if (which & FAT_SET_ACCESSED) {
        fat_date(attributes->accessed, &date, &clock, &hundredths);
        write16(entry + ENTRY_ACCESSED, date);
    }
    if (which & FAT_SET_MODIFIED) {
        fat_date(attributes->modified, &date, &clock, &hundredths);
        write16(entry + ENTRY_DATE, date);
        write16(entry + ENTRY_TIME, clock);
    }
    put_entry(node, block);
    return 0;
}
