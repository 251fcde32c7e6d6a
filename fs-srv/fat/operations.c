/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done with names: looked up, made, taken away, told.
 */
#include "fat_impl.h"

static int check_folder(const struct fat_node *folder)
{
    if (!folder->folder)
        return ENOTDIR;
    return folder->gone ? ENOENT : 0;
}

int fat_lookup(struct fat_node *folder, const char *name, struct fat_node **found)
{
    struct fat_name key;
    struct fat_found entry;
    int error = check_folder(folder);

    if (error)
        return error;
    if ((error = fat_name_read(name, &key)) != 0)
        return error == ENAMETOOLONG ? error : ENOENT;
    if ((error = fat_find(folder, &key, &entry)) != 0 ||
        (error = fat_end_move(folder, &entry)) != 0)
        return error;
    return fat_node_open(folder, &entry, found);
}

/* ---- making ---- */

/* A folder's first block: it itself, and the one that it is in. */
static int write_dots(struct fat_node *node, const uint8_t entry[ENTRY])
{
    struct fat *fat = node->fat;
    struct fat_block *block;
    const struct fat_node *parent = node->parent;
    const int error = fat_get(fat, fat_cluster_block(fat, node->cluster), GET_ZEROED, &block);

    if (error)
        return error;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *const at = fat_entry_at(block->bytes, i);
        memcpy(at, entry, ENTRY);
        memset(at, ' ', SHORT_NAME);
        memset(at, '.', i + 1);
        at[ENTRY_CASES] = 0;
        fat_entry_set_cluster(at, i == 0 ? node->cluster : parent->parent ? parent->cluster : 0);
    }
    fat_dirty(fat, block, CLASS_EARLY);
    fat_put(block);
    return 0;
}

static int make_folder(struct fat_node *node, const uint8_t entry[ENTRY])
{
    struct fat *fat = node->fat;
    uint32_t cluster;
    int error = fat_table_take(fat, 0, &cluster);

    if (error)
        return error;
    node->cluster = cluster;
    if ((error = fat_clear_cluster(fat, cluster)) == 0)
        error = write_dots(node, entry);
    if (error) {
        fat_add_free(fat, 0, cluster);
        node->cluster = 0;
    }
    return error;
}

static int make_in(struct fat_node *folder, struct fat_names *names, struct fat_node *node)
{
    uint8_t *const entry = names->entries[names->count - 1];
    uint32_t first;
    uint64_t position;
    int error = fat_names_room(folder, names->count, &first);

    if (error)
        return error;
    fat_node_stamp(node->fat, entry, true);
    entry[ENTRY_ATTRIBUTES] = node->attributes =
        node->folder ? ATTRIBUTE_FOLDER : ATTRIBUTE_ARCHIVE;
    if (node->folder && (error = make_folder(node, entry)) != 0)
        return error;
    fat_entry_set_cluster(entry, node->cluster);
    node->fat->note.cluster = node->cluster;
    if ((error = fat_names_write(folder, first, names, &position)) != 0) {
        if (node->cluster != 0)
            fat_add_free(node->fat, 0, node->cluster);
        node->fat->note.cluster = 0;
        return error;
    }
    node->fat->note.cluster = 0;
    memcpy(node->entry, entry, ENTRY);
    fat_node_place(node, position, first, first + names->count - 1);
    return 0;
}

int fat_create(struct fat_node *folder, const char *name, enum fat_kind kind,
               struct fat_node **made)
{
    struct fat *fat = folder->fat;
    struct fat_names names;
    struct fat_node *node;
    int error = check_folder(folder);

    if (error || (error = fat_begin(fat)) != 0 ||
        (error = fat_names_make(folder, name, NULL, &names)) != 0 ||
        (error = fat_node_make(folder, &node)) != 0)
        return error;
    node->folder = kind == FAT_FOLDER;
    error = make_in(folder, &names, node);
    if (error == ENOSPC && fat->pending.free_count != 0 && (error = fat_commit(fat)) == 0)
        error = make_in(folder, &names, node);
    if (error) {
        fat_release(node);
        return error;
    }
    fat->progress++;
    *made = node;
    return 0;
}

/* ---- taking away ---- */

int fat_remove(struct fat_node *node)
{
    struct fat *fat = node->fat;
    int error;

    if (!node->parent)
        return EBUSY;
    if (node->gone)
        return ENOENT;
    if ((node->folder && (error = fat_find_nothing(node)) != 0) || (error = fat_begin(fat)) != 0 ||
        (error = fat_node_end_move(node)) != 0)
        return error;
    fat->progress++; /* it may commit when the name has gone */
    fat->note.cluster = node->cluster;
    error = fat_names_erase(node->parent, node->first, node->index);
    fat->note.cluster = 0;
    if (error)
        fat->progress--;
    else
        fat_node_gone(node);
    return error;
}

/* ---- telling ---- */

static bool name_of(const struct fat_found *found, char out[FAT_NAME_MAX])
{
    return (found->has_long && fat_name_write(&found->long_name, out)) ||
           fat_name_write(&found->short_name, out);
}

int fat_name(struct fat_node *node, char *out)
{
    struct fat_walk walk;
    struct fat_found found;

    if (node->gone)
        return ENOENT;
    if (!node->parent) {
        out[0] = '\0';
        return 0;
    }
    fat_walk_begin(&walk, node->parent, node->first);
    const int error = fat_walk_next(&walk, &found);
    if (error)
        return error;
    return found.index == node->index && name_of(&found, out) ? 0 : ENOENT;
}

int fat_entries(struct fat_node *folder, uint64_t position, fat_entry_t *tell, void *context)
{
    const uint32_t before =
        20; /* entries that a long name can have: one may begin before position */
    struct fat_walk walk;
    struct fat_found found;
    char name[FAT_NAME_MAX];
    int error = check_folder(folder);

    if (error || position >= FOLDER_ENTRIES)
        return error == ENOENT ? 0 : error;
    fat_walk_begin(&walk, folder, position > before ? (uint32_t)position - before : 0);
    while ((error = fat_walk_next(&walk, &found)) == 0) {
        if (found.index < position || !name_of(&found, name))
            continue;
        const bool is_folder = found.entry[ENTRY_ATTRIBUTES] & ATTRIBUTE_FOLDER;
        if (!tell(context, name, is_folder ? FAT_FOLDER : FAT_FILE, found.position / ENTRY,
                  (uint64_t)found.index + 1))
            return 0;
    }
    return error == ENOENT ? 0 : error;
}
