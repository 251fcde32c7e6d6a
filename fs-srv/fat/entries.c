/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders, written: names that a new file gets, room for their entries, and entries that come and go.
 *
 * E1 The short entry is what makes a file. Entries of one name lie in one block where they fit (16), and come and go at once; of a longer one the block with the short
 *    entry comes last, and goes first.
 * E2 Behind the end of a folder may lie anything. Before the end moves into another block, that block begins with an end on the medium.
 */
#include "fat_impl.h"

/* ---- names ---- */

enum { NUMBERS = 9, TRIES = 32 };

/* Short names that could be taken; [0] without a number. */
struct candidates {
    uint8_t names[NUMBERS + 1][SHORT_NAME];
    bool taken[NUMBERS + 1];
};

/* Where the first nine have been taken: two letters, and four digits made of the long name. */
static void make_candidates(const struct fat_name *name, const uint8_t basis[SHORT_NAME],
                            unsigned attempt, struct candidates *out)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t base[SHORT_NAME];
    uint32_t hash = attempt * 40503u;

    memcpy(base, basis, SHORT_NAME);
    if (attempt != 0) {
        for (uint32_t i = 0; i < name->count; i++)
            hash = (hash ^ name->units[i]) * 16777619u;
        base[1] = base[1] == ' ' ? '_' : base[1];
        for (unsigned i = 0; i < 4; i++)
            base[2 + i] = (uint8_t)digits[hash >> (8 + 4 * i) & 15];
        base[6] = base[7] = ' ';
    }
    memset(out, 0, sizeof *out);
    memcpy(out->names[0], base, SHORT_NAME);
    for (uint32_t i = 1; i <= NUMBERS; i++)
        fat_short_numbered(base, i, out->names[i]);
}

/* EEXIST: a file has the name. */
static int look_at_others(struct fat_node *folder, const struct fat_name *name,
                          const struct fat_node *except, struct candidates *candidates)
{
    struct fat_walk walk;
    struct fat_found found;
    int error;

    fat_walk_begin(&walk, folder, 0);
    while ((error = fat_walk_next(&walk, &found)) == 0) {
        if (except && found.position == except->position)
            continue;
        if ((found.has_long && fat_name_equal(&found.long_name, name)) ||
            fat_name_equal(&found.short_name, name))
            return EEXIST;
        for (unsigned i = 0; i <= NUMBERS; i++)
            if (memcmp(found.entry, candidates->names[i], SHORT_NAME) == 0)
                candidates->taken[i] = true;
    }
    return error == ENOENT ? 0 : error;
}

/* plain: [0] would do, too. */
static int choose_short(struct fat_node *folder, const struct fat_name *name,
                        const struct fat_node *except, uint8_t out[SHORT_NAME])
{
    struct candidates candidates;
    uint8_t basis[SHORT_NAME];
    const bool plain = fat_short_basis(name, basis);

    for (unsigned attempt = 0; attempt < TRIES; attempt++) {
        make_candidates(name, basis, attempt, &candidates);
        const int error = look_at_others(folder, name, except, &candidates);
        if (error)
            return error;
        for (unsigned i = plain && attempt == 0 ? 0 : 1; i <= NUMBERS; i++) {
            if (!candidates.taken[i]) {
                memcpy(out, candidates.names[i], SHORT_NAME);
                return 0;
            }
        }
    }
    return ENOSPC;
}

int fat_names_make(struct fat_node *folder, const char *text, const struct fat_node *except,
                   struct fat_names *out)
{
    struct candidates candidates;
    struct fat_name name;
    uint8_t short_name[SHORT_NAME], cases = 0;
    uint32_t parts = 0;
    int error = fat_name_read(text, &name);

    if (error)
        return error;
    if (fat_short_exact(&name, short_name, &cases)) {
        make_candidates(&name, short_name, 0, &candidates);
        error = look_at_others(folder, &name, except, &candidates);
    } else {
        parts = fat_long_parts(&name);
        error = choose_short(folder, &name, except, short_name);
    }
    if (error)
        return error;
    out->count = parts + 1;
    for (uint32_t i = 0; i < parts; i++)
        fat_long_entry(&name, parts - i, fat_checksum(short_name), out->entries[i]);
    memset(out->entries[parts], 0, ENTRY);
    memcpy(out->entries[parts], short_name, SHORT_NAME);
    out->entries[parts][ENTRY_CASES] = cases;
    return 0;
}

/* ---- room ---- */

/* A block of a folder. */
struct view {
    uint32_t end;  /* entry that is the folder's end; BLOCK_ENTRIES: it is not in here */
    uint32_t free; /* bit i: entry i can be used */
};

static int get_entries(struct fat_node *folder, uint32_t number, struct fat_block **out)
{
    uint64_t byte;
    const int error = number >= FOLDER_ENTRIES / BLOCK_ENTRIES
                          ? ENOENT
                          : fat_entry_place(folder, number * BLOCK_ENTRIES, &byte);

    return error ? error : fat_get(folder->fat, byte / BLOCK, GET_AHEAD, out);
}

/* One more cluster, of zeroes, on the medium before anything is put there. */
static int grow(struct fat_node *folder, uint32_t number)
{
    struct fat *fat = folder->fat;
    const uint32_t index = number * BLOCK_ENTRIES / (fat_cluster_size(fat) / ENTRY);
    uint32_t cluster;
    int error;

    if (number >= FOLDER_ENTRIES / BLOCK_ENTRIES || (folder == &fat->root && fat->shape.type != 32))
        return ENOSPC;
    if ((error = fat_chain_grow(folder, index, true, &cluster)) != 0)
        return error;
    if ((error = fat_clear_cluster(fat, cluster)) != 0) {
        fat->pending.link_count--;
        folder->seen_cluster = 0;
        fat_add_free(fat, 0, cluster);
        return error;
    }
    return fat_commit(fat);
}

static int look(struct fat_node *folder, uint32_t number, struct view *out)
{
    struct fat_block *block;
    int error = get_entries(folder, number, &block);

    if (error == ENOENT && (error = grow(folder, number)) == 0)
        error = get_entries(folder, number, &block);
    if (error)
        return error;
    *out = (struct view){.end = BLOCK_ENTRIES};
    for (uint32_t i = 0; i < BLOCK_ENTRIES; i++) {
        const uint8_t first = *fat_entry_at(block->bytes, i);
        if (first == 0 && out->end == BLOCK_ENTRIES)
            out->end = i;
        if (first == ENTRY_DELETED || i >= out->end)
            out->free |= 1u << i;
    }
    fat_put(block);
    return 0;
}

/* E2 */
static int begin_with_end(struct fat_node *folder, uint32_t number)
{
    struct fat_block *block;
    const int error = get_entries(folder, number, &block);

    if (error)
        return error == ENOENT ? 0 : error;
    const bool is_end = block->bytes[0] == 0;
    if (!is_end) {
        block->bytes[0] = 0;
        fat_dirty(folder->fat, block, CLASS_LATE);
    }
    const bool is_written = block->class == CLASS_CLEAN;
    fat_put(block);
    return is_written ? 0 : fat_commit(folder->fat);
}

/* What is left of a block at the end is too small: the end moves behind it. */
static int pass_over(struct fat_node *folder, uint32_t number, uint32_t end)
{
    struct fat_block *block;
    int error = begin_with_end(folder, number + 1);

    if (error || (error = get_entries(folder, number, &block)) != 0)
        return error;
    for (uint32_t i = end; i < BLOCK_ENTRIES; i++) {
        uint8_t *const at = fat_entry_at(block->bytes, i);
        memset(at, 0, ENTRY);
        at[0] = ENTRY_DELETED;
    }
    fat_dirty(folder->fat, block, CLASS_LATE);
    fat_put(block);
    return fat_commit(folder->fat);
}

/* Entries before `to` of this block will be used: if the end is among them, it is at `to`. */
static int move_end(struct fat_node *folder, uint32_t number, const struct view *view, uint32_t to)
{
    struct fat_block *block;
    int error;

    if (to <= view->end || view->end == BLOCK_ENTRIES)
        return 0;
    if (to == BLOCK_ENTRIES)
        return begin_with_end(folder, number + 1);
    if ((error = get_entries(folder, number, &block)) != 0)
        return error;
    uint8_t *const at = fat_entry_at(block->bytes, to);
    if (at[0] != 0) {
        at[0] = 0;
        fat_dirty(folder->fat, block, CLASS_LATE);
    }
    fat_put(block);
    return 0;
}

static uint32_t fit(uint32_t free, uint32_t count)
{
    const uint32_t mask = (1u << count) - 1;
    uint32_t at = 0;

    while (at + count <= BLOCK_ENTRIES && (free >> at & mask) != mask)
        at++;
    return at + count <= BLOCK_ENTRIES ? at : BLOCK_ENTRIES;
}

/* Room for what does not fit in one block: all of this one, and the beginning of the next. *at BLOCK_ENTRIES: it is not here. */
static int look_long(struct fat_node *folder, uint32_t number, const struct view *view,
                     uint32_t count, uint32_t *at)
{
    const uint32_t rest = count - BLOCK_ENTRIES;
    struct view next;
    int error;

    *at = BLOCK_ENTRIES;
    if (view->free != (1u << BLOCK_ENTRIES) - 1)
        return 0;
    if ((error = move_end(folder, number, view, BLOCK_ENTRIES)) != 0 ||
        (error = look(folder, number + 1, &next)) != 0)
        return error;
    if (fit(next.free, rest) != 0)
        return 0;
    *at = 0;
    return move_end(folder, number + 1, &next, rest);
}

int fat_names_room(struct fat_node *folder, uint32_t count, uint32_t *first)
{
    for (uint32_t number = 0;; number++) {
        struct view view;
        uint32_t at;
        int error = look(folder, number, &view);
        if (error)
            return error;
        if (count > BLOCK_ENTRIES) {
            error = look_long(folder, number, &view, count, &at);
        } else {
            at = fit(view.free, count);
            if (at != BLOCK_ENTRIES)
                error = move_end(folder, number, &view, at + count);
        }
        if (error)
            return error;
        if (at != BLOCK_ENTRIES) {
            *first = number * BLOCK_ENTRIES + at;
            return 0;
        }
        if (view.end != BLOCK_ENTRIES && (error = pass_over(folder, number, view.end)) != 0)
            return error;
    }
}

/* ---- coming and going ---- */

/* Entries of one block change: those of a name from `from` on, or, without names, they are deleted. */
static int change(struct fat_node *folder, uint32_t first, uint32_t count,
                  const uint8_t (*entries)[ENTRY])
{
    struct fat_block *block;
    const int error = get_entries(folder, first / BLOCK_ENTRIES, &block);

    if (error)
        return error;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *const at = fat_entry_at(block->bytes, first % BLOCK_ENTRIES + i);
        if (entries)
            memcpy(at, entries[i], ENTRY);
        else
            at[0] = ENTRY_DELETED;
    }
    fat_dirty(folder->fat, block, CLASS_LATE);
    fat_put(block);
    return 0;
}

int fat_names_write(struct fat_node *folder, uint32_t first, const struct fat_names *names,
                    uint64_t *position)
{
    uint32_t done = 0;
    int error = fat_entry_place(folder, first + names->count - 1, position);

    while (!error && done < names->count) {
        const uint32_t at = first + done, here = BLOCK_ENTRIES - at % BLOCK_ENTRIES;
        const uint32_t left = names->count - done, count = left < here ? left : here;
        error = change(folder, at, count, names->entries + done);
        done += count;
        if (!error && done < names->count) { /* E1 */
            fat_note_entries(folder, first, first + done);
            error = fat_commit(folder->fat);
        }
    }
    folder->fat->note.entry_count = 0;
    return error;
}

void fat_note_entries(struct fat_node *folder, uint32_t first, uint32_t end)
{
    struct fat_note *note = &folder->fat->note;

    note->entry_count = 0;
    for (uint32_t at = first, next; at < end && note->entry_count < NOTE_BLOCKS; at = next) {
        next = at - at % BLOCK_ENTRIES + BLOCK_ENTRIES;
        next = next < end ? next : end;
        note->entries[note->entry_count].count = next - at;
        if (fat_entry_place(folder, at, &note->entries[note->entry_count].position) == 0)
            note->entry_count++;
    }
}

int fat_names_erase(struct fat_node *folder, uint32_t first, uint32_t last)
{
    const uint32_t block = last - last % BLOCK_ENTRIES;
    const uint32_t from = first > block ? first : block;
    const int error = change(folder, from, last - from + 1, NULL);

    if (error || from == first)
        return error;
    fat_note_entries(folder, first, from);
    const bool committed = fat_commit(folder->fat) == 0;
    folder->fat->note.entry_count = 0;
    if (!committed)
        return 0;
    for (uint32_t at = first; at < from; at += BLOCK_ENTRIES - at % BLOCK_ENTRIES) {
        const uint32_t end = at - at % BLOCK_ENTRIES + BLOCK_ENTRIES;
        if (change(folder, at, (end < from ? end : from) - at, NULL) != 0)
            break;
    }
    return 0;
}
