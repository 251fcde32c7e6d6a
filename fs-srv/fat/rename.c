/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Renaming. Where the old and the new entry lie in one block both change at once. Else there is a moment when the medium has both, and their clusters twice; so that one file comes of it
 * whenever power goes away, the two entries point at each other meanwhile:
 *
 *      1  the old entry is marked MOVING, with the place of the new one      commit
 *      2  the new entry is written, marked MOVED, with the place of the old  commit
 *      3  the old entry is deleted; when that is on the medium, the new one's mark goes (commit.c)
 *
 * M1 An entry MOVING counts as deleted if the place that it points at has one MOVED that points back and has the same cluster; so after 1 the file has its old name, from 2 on its new one.
 * M2 A file is not used through an entry with a mark: fat_end_move() ends what was begun, and takes marks away, when it is looked up.
 * M3 While the medium may have both, the clusters of neither are changed, nor is the new name deleted: who does that ends the rename first (fat_node_end_move()). The old entry loses its mark only
 *    when the new one is not on the medium any more.
 *
 * The place, in units of entries, is where the time of creation has been.
 */
#include "fat_impl.h"

enum { PLACE_BYTES = 5 };

static void set_mark(uint8_t entry[ENTRY], uint8_t mark, uint64_t position)
{
    uint64_t place = position / ENTRY;

    entry[ENTRY_CASES] |= mark;
    for (unsigned i = 0; i < PLACE_BYTES; i++, place >>= 8)
        entry[ENTRY_CREATED_HUNDREDTHS + i] = (uint8_t)place;
}

static uint64_t marked_place(const uint8_t entry[ENTRY])
{
    uint64_t place = 0;

    for (unsigned i = PLACE_BYTES; i-- > 0;)
        place = place << 8 | entry[ENTRY_CREATED_HUNDREDTHS + i];
    return place * ENTRY;
}

static bool is_folder_place(const struct fat *fat, uint64_t byte)
{
    const uint64_t first = fat->shape.type == 32 ? fat->shape.data : fat->shape.root;
    const uint64_t end = fat_cluster_block(fat, fat->shape.end);

    return byte / BLOCK >= first && byte / BLOCK < end;
}

/* The entry that a marked one points at is marked `mark`, points back, and is the same file. */
static int is_paired(struct fat *fat, const uint8_t entry[ENTRY], uint64_t position, uint8_t mark,
                     bool *paired)
{
    const uint64_t place = marked_place(entry);
    struct fat_block *block;

    *paired = false;
    if (!is_folder_place(fat, place) || place == position)
        return 0;
    const int error = fat_get(fat, place / BLOCK, GET_READ, &block);
    if (error)
        return error;
    const uint8_t *const other = block->bytes + place % BLOCK;
    *paired = other[0] != 0 && other[0] != ENTRY_DELETED && other[ENTRY_CASES] & mark &&
              !(other[ENTRY_ATTRIBUTES] & ATTRIBUTE_LABEL) && marked_place(other) == position &&
              fat_entry_cluster(fat, other) == fat_entry_cluster(fat, entry);
    fat_put(block);
    return 0;
}

int fat_has_moved(struct fat *fat, const uint8_t entry[ENTRY], uint64_t position, bool *moved)
{
    return is_paired(fat, entry, position, CASES_MOVED, moved);
}

/* ---- after power has gone away ---- */

/* The short entry, and what of its long name is in the same block. */
static int erase_at(struct fat *fat, uint64_t position)
{
    struct fat_block *block;
    const int error = fat_get(fat, position / BLOCK, GET_READ, &block);

    if (error)
        return error;
    uint8_t *at = block->bytes + position % BLOCK;
    const uint8_t sum = fat_checksum(at);
    for (;;) {
        at[0] = ENTRY_DELETED;
        if (at == block->bytes)
            break;
        at -= ENTRY;
        if (at[0] == ENTRY_DELETED || at[ENTRY_ATTRIBUTES] != ATTRIBUTE_LONG || at[13] != sum)
            break;
    }
    fat_dirty(fat, block, CLASS_LATE);
    fat_put(block);
    return fat_commit(fat);
}

static bool is_marked(const uint8_t entry[ENTRY])
{
    return entry[ENTRY_CASES] & (CASES_MOVED | CASES_MOVING);
}

static int take_mark(struct fat *fat, struct fat_found *found)
{
    struct fat_block *block;
    const int error = fat_get(fat, found->position / BLOCK, GET_READ, &block);

    if (error)
        return error;
    uint8_t *const entry = block->bytes + found->position % BLOCK;
    if (is_marked(entry)) {
        entry[ENTRY_CASES] &= (uint8_t) ~(CASES_MOVED | CASES_MOVING);
        entry[ENTRY_CREATED_HUNDREDTHS] = 0;
        memcpy(entry + ENTRY_CREATED_TIME, entry + ENTRY_TIME, 4); /* nobody knows better */
        fat_dirty(fat, block, CLASS_LATE);
    }
    memcpy(found->entry, entry, ENTRY);
    fat_put(block);
    return 0;
}

int fat_end_move(struct fat_node *folder, struct fat_found *found)
{
    struct fat *fat = folder->fat;
    bool paired;
    int error;

    if (!is_marked(found->entry))
        return 0;
    if ((error = fat_begin(fat)) != 0)
        return error == EROFS ? 0 : error;
    /* A mark of a rename that is not on the medium yet goes by that. */
    if ((error = fat_commit(fat)) != 0)
        return error;
    if (found->entry[ENTRY_CASES] & CASES_MOVED) {
        error = is_paired(fat, found->entry, found->position, CASES_MOVING, &paired);
        if (!error && paired)
            error = erase_at(fat, marked_place(found->entry));
        if (error)
            return error;
    }
    return take_mark(fat, found);
}

int fat_node_end_move(struct fat_node *node)
{
    struct fat_found found = {.position = node->position};
    struct fat_block *block;
    int error = fat_get(node->fat, node->position / BLOCK, GET_READ, &block);

    if (error)
        return error;
    memcpy(found.entry, block->bytes + node->position % BLOCK, ENTRY);
    fat_put(block);
    error = fat_end_move(node->parent, &found);
    memcpy(node->entry, found.entry, ENTRY);
    return error;
}

/* ---- the steps ---- */

struct move {
    struct fat_node *node, *to, *target;
    struct fat_names names; /* without a target */
    uint32_t first, index;  /* entries in `to` that it gets */
    uint64_t position;
    uint8_t entry[ENTRY]; /* as it will be */
};

static int change_entry(struct fat *fat, uint64_t position, const uint8_t entry[ENTRY])
{
    struct fat_block *block;
    const int error = fat_get(fat, position / BLOCK, GET_READ, &block);

    if (error)
        return error;
    memcpy(block->bytes + position % BLOCK, entry, ENTRY);
    fat_dirty(fat, block, CLASS_LATE);
    fat_put(block);
    return 0;
}

/* The file's entry under another short name. */
static void make_entry(const struct fat_node *node, const uint8_t named[ENTRY], uint8_t out[ENTRY])
{
    memcpy(out, node->entry, ENTRY);
    memcpy(out, named, SHORT_NAME);
    out[ENTRY_CASES] = named[ENTRY_CASES] & (CASES_BASE | CASES_EXTENSION);
}

/* A folder says where the folder is that it lies in. Nothing here reads that, so a power cut may leave it as it was. */
static void set_dots(struct fat_node *node, const struct fat_node *in)
{
    struct fat_block *block;
    uint64_t byte;

    if (!node->folder || fat_entry_place(node, 1, &byte) != 0 ||
        fat_get(node->fat, byte / BLOCK, GET_READ, &block) != 0)
        return;
    uint8_t *const entry = block->bytes + byte % BLOCK;
    const uint32_t cluster = in->parent ? in->cluster : 0;
    if (memcmp(entry, "..         ", SHORT_NAME) == 0 &&
        fat_entry_cluster(node->fat, entry) != cluster) {
        fat_entry_set_cluster(entry, cluster);
        fat_dirty(node->fat, block, CLASS_LATE);
    }
    fat_put(block);
}

/* The node is where its new name is. */
static void settle(struct move *move)
{
    struct fat_node *node = move->node, *parent = node->parent;

    if (move->target)
        fat_node_gone(move->target);
    fat_node_forget(node);
    node->parent = fat_reference(move->to);
    memcpy(node->entry, move->entry, ENTRY);
    fat_node_place(node, move->position, move->first, move->index);
    fat_release(parent);
}

static int write_new(struct move *move, const uint8_t entry[ENTRY])
{
    if (move->target)
        return change_entry(move->node->fat, move->position, entry);
    memcpy(move->names.entries[move->names.count - 1], entry, ENTRY);
    return fat_names_write(move->to, move->first, &move->names, &move->position);
}

/* Step 2 did not come to its end: as before. The old entry stays marked where the medium may have the new one still (M3); but for nothing being written any more. */
static void take_back(struct move *move)
{
    struct fat_node *node = move->node;

    set_dots(node, node->parent);
    if (move->target)
        (void)change_entry(node->fat, move->position, move->target->entry);
    else
        (void)fat_names_erase(move->to, move->first, move->index);
    if (fat_commit(node->fat) == 0 || node->fat->failed)
        (void)change_entry(node->fat, node->position, node->entry);
}

static int move_far(struct move *move)
{
    struct fat_node *node = move->node;
    struct fat *fat = node->fat;
    uint8_t entry[ENTRY];
    int error;

    memcpy(entry, node->entry, ENTRY);
    set_mark(entry, CASES_MOVING, move->position);
    if ((error = change_entry(fat, node->position, entry)) != 0)
        return error;
    if ((error = fat_commit(fat)) != 0) {
        (void)change_entry(fat, node->position, node->entry);
        return error;
    }
    memcpy(entry, move->entry, ENTRY);
    set_mark(entry, CASES_MOVED, node->position);
    error = write_new(move, entry);
    if (!error) { /* from here on it is done */
        set_dots(node, move->to);
        fat_note_entries(node->parent, node->first, node->index + 1);
        fat->progress++;
        fat->moved = move->position / ENTRY;
        fat->note.cluster = move->target ? move->target->cluster : 0;
        error = fat_commit(fat);
        fat->progress -= error != 0;
    }
    if (error) {
        fat->note = (struct fat_note){0};
        take_back(move);
        return error;
    }
    /* It has its new name, whatever becomes of the old one: that is hidden (M1). */
    error = fat_names_erase(node->parent, node->first, node->index);
    if (!error) {
        fat->pending.marks[fat->pending.mark_count].position = move->position;
        memcpy(fat->pending.marks[fat->pending.mark_count++].saved, move->entry, ENTRY);
    }
    settle(move);
    fat->note = (struct fat_note){0};
    return 0;
}

/* ---- in one block ---- */

static bool lies_in_one(uint32_t first, uint32_t last)
{
    return first / BLOCK_ENTRIES == last / BLOCK_ENTRIES;
}

/* A place for the new names in the block of the old ones, which make room for them. BLOCK_ENTRIES: there is none. */
static uint32_t fit_beside(uint8_t *bytes, const struct fat_node *node, uint32_t count)
{
    const uint32_t base = node->first - node->first % BLOCK_ENTRIES;
    uint32_t free = 0;

    for (uint32_t i = 0; i < BLOCK_ENTRIES && *fat_entry_at(bytes, i) != 0; i++)
        if (*fat_entry_at(bytes, i) == ENTRY_DELETED ||
            (base + i >= node->first && base + i <= node->index))
            free |= 1u << i;
    for (uint32_t at = 0; at + count <= BLOCK_ENTRIES; at++)
        if ((free >> at & ((1u << count) - 1)) == (1u << count) - 1)
            return at;
    return BLOCK_ENTRIES;
}

/* Old and new names change at once. *done false: it does not fit. */
static int move_near(struct move *move, bool *done)
{
    struct fat_node *node = move->node;
    const uint32_t base = node->first - node->first % BLOCK_ENTRIES;
    const uint32_t count = move->target ? 0 : move->names.count;
    struct fat_block *block;

    *done = false;
    if (!lies_in_one(node->first, node->index) || count > BLOCK_ENTRIES)
        return 0;
    const int error = fat_get(node->fat, node->position / BLOCK, GET_READ, &block);
    if (error)
        return error;
    const uint32_t at = move->target ? 0 : fit_beside(block->bytes, node, count);
    if (at != BLOCK_ENTRIES) {
        for (uint32_t i = node->first - base; i <= node->index - base; i++)
            *fat_entry_at(block->bytes, i) = ENTRY_DELETED;
        if (!move->target) {
            memcpy(move->names.entries[count - 1], move->entry, ENTRY);
            memcpy(fat_entry_at(block->bytes, at), move->names.entries, (size_t)count * ENTRY);
            move->first = base + at;
            move->index = base + at + count - 1;
            move->position =
                node->position - node->position % BLOCK + (uint64_t)(at + count - 1) * ENTRY;
        } else {
            memcpy(block->bytes + move->position % BLOCK, move->entry, ENTRY);
        }
        fat_dirty(node->fat, block, CLASS_LATE);
        *done = true;
    }
    fat_put(block);
    if (*done) {
        node->fat->progress++;
        node->fat->moved = move->position / ENTRY;
        settle(move);
    }
    return 0;
}

/* ---- renaming ---- */

static int check(const struct fat_node *node, const struct fat_node *to, struct fat_node *target)
{
    if (!node->parent)
        return EBUSY;
    if (!to->folder)
        return ENOTDIR;
    if (node->gone || to->gone)
        return ENOENT;
    for (const struct fat_node *above = to; above; above = above->parent)
        if (above == node)
            return EINVAL;
    if (!target)
        return 0;
    if (target->gone || target->parent != to)
        return target->parent ? ENOENT : EBUSY;
    if (target->folder != node->folder)
        return target->folder ? EISDIR : ENOTDIR;
    return target->folder ? fat_find_nothing(target) : 0;
}

static int move_over(struct move *move)
{
    struct fat_node *node = move->node, *target = move->target;
    bool done = false;
    int error = fat_node_end_move(target);

    if (error)
        return error;
    move->first = target->first;
    move->index = target->index;
    move->position = target->position;
    make_entry(node, target->entry, move->entry);
    if (node->position / BLOCK == target->position / BLOCK)
        error = move_near(move, &done);
    return error || done ? error : move_far(move);
}

static int move_to(struct move *move, const char *name)
{
    struct fat_node *node = move->node, *to = move->to;
    bool done = false;
    int error = fat_names_make(to, name, node->parent == to ? node : NULL, &move->names);

    if (error)
        return error;
    make_entry(node, move->names.entries[move->names.count - 1], move->entry);
    if (node->parent == to)
        error = move_near(move, &done);
    if (error || done)
        return error;
    if ((error = fat_names_room(to, move->names.count, &move->first)) != 0)
        return error;
    move->index = move->first + move->names.count - 1;
    error = fat_entry_place(to, move->index, &move->position);
    return error ? error : move_far(move);
}

int fat_rename(struct fat_node *node, struct fat_node *to, const char *to_name,
               struct fat_node *target)
{
    struct move move = {.node = node, .to = to, .target = target == node ? NULL : target};
    int error = check(node, to, move.target);

    if (error || (error = fat_begin(node->fat)) != 0 || (error = fat_node_end_move(node)) != 0)
        return error;
    if (move.target)
        return move_over(&move);
    error = move_to(&move, to_name);
    if (error == ENOSPC && node->fat->pending.free_count != 0 &&
        (error = fat_commit(node->fat)) == 0)
        error = move_to(&move, to_name);
    return error;
}
