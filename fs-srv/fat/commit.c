/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been done reaches the medium, in stages (fat_impl.h). Between two stages stands a flush, so that power that goes away leaves what docs/fat.md says:
 * a stage is on the medium in any part only when those before it are there wholly.
 */
#include "fat_impl.h"

/* More blocks than that are not LATE when an operation begins. */
static uint32_t late_limit(const struct fat *fat)
{
    return fat->cache.count / 2 - 16;
}

/* ---- the marks that it is in use ---- */

/* The second entry of the table: its highest bit but FAT32's reserved ones is set while all is well. */
static int mark_table(struct fat *fat, bool dirty)
{
    const unsigned at = fat->shape.type == 16 ? 3 : 7;
    const uint8_t bit = fat->shape.type == 16 ? 0x80 : 0x08;
    struct fat_block *block;

    if (fat->shape.type == 12)
        return 0;
    const int error = fat_get(fat, fat->shape.table, GET_AHEAD, &block);
    if (error)
        return error;
    block->bytes[at] = (uint8_t)(dirty ? block->bytes[at] & ~bit : block->bytes[at] | bit);
    fat_dirty(fat, block, CLASS_EARLY);
    fat_put(block);
    return 0;
}

int fat_mark(struct fat *fat, bool dirty)
{
    struct fat_block *block;
    int error = mark_table(fat, dirty);

    if (error || (error = fat_get(fat, 0, GET_READ, &block)) != 0)
        return error;
    uint8_t *const state = &block->bytes[fat->shape.state_at];
    *state = (uint8_t)(dirty ? *state | 1 : *state & ~1);
    fat_dirty(fat, block, CLASS_EARLY);
    fat_put(block);
    fat->ending = !dirty;
    fat_publish(fat);
    error = fat_cache_write(fat, CLASS_EARLY);
    if (!error)
        error = fat_flush(fat);
    if (!error)
        fat->marked = dirty;
    return error;
}

/* ---- operations ---- */

int fat_begin(struct fat *fat)
{
    const struct fat_pending *pending = &fat->pending;

    if (fat->failed)
        return EIO;
    if (fat->read_only || fat->damaged)
        return EROFS;
    if (fat->cache.late > late_limit(fat) || pending->link_count > PENDING_LINKS / 2 ||
        pending->free_count > PENDING_FREES - 4 || pending->mark_count == PENDING_MARKS) {
        const int error = fat_commit(fat);
        if (error)
            return error;
    }
    return fat->marked ? 0 : fat_mark(fat, true);
}

bool fat_has_link(const struct fat *fat)
{
    return fat->pending.link_count < PENDING_LINKS;
}

void fat_add_link(struct fat *fat, uint32_t from, uint32_t to)
{
    fat->pending.links[fat->pending.link_count].from = from;
    fat->pending.links[fat->pending.link_count++].to = to;
}

void fat_add_free(struct fat *fat, uint32_t cut, uint32_t first)
{
    struct fat_pending *pending = &fat->pending;

    if (pending->free_count == PENDING_FREES) {
        fat->leaked = true;
        return;
    }
    pending->frees[pending->free_count].cut = cut;
    pending->frees[pending->free_count++].first = first;
}

/* ---- stages ---- */

static void write_info(struct fat *fat)
{
    struct fat_block *block;

    if (fat->shape.info == 0 || !fat->info_old)
        return;
    if (fat_get(fat, fat->shape.info, GET_READ, &block) != 0) {
        fat->shape.info = 0; /* nobody relies on it */
        return;
    }
    write32(block->bytes + 488, fat->counted ? fat->free : UINT32_MAX);
    write32(block->bytes + 492, fat_is_cluster(fat, fat->next) ? fat->next : UINT32_MAX);
    fat_dirty(fat, block, CLASS_EARLY);
    fat_put(block);
    fat->info_old = false;
}

static int stage(struct fat *fat, enum fat_class class)
{
    const int error = fat_cache_write(fat, class);

    return error ? error : fat_flush(fat);
}

static int set_links(struct fat *fat)
{
    struct fat_pending *pending = &fat->pending;

    if (pending->link_count == 0)
        return 0;
    for (uint32_t i = 0; i < pending->link_count; i++) {
        const int error = fat_table_set(fat, pending->links[i].from, pending->links[i].to);
        if (error)
            return error;
    }
    /* What they lead to is on the medium: a successor has them in its first stage. */
    const uint32_t count = pending->link_count;
    pending->link_count = 0;
    fat_publish(fat);
    const int error = stage(fat, CLASS_EARLY);
    if (error)
        pending->link_count = count;
    return error;
}

enum { FREES_TOLD = 1024 };

/* Clusters of a chain, as far as it is one. A loop comes to a cluster that is free already. *rest is what a successor would go on with. */
static void free_chain(struct fat *fat, uint32_t *rest)
{
    uint32_t next, count = 0;

    for (uint32_t cluster = *rest; cluster != TABLE_END; cluster = next) {
        *rest = cluster;
        if (++count % FREES_TOLD == 0)
            fat_publish(fat);
        if (!fat_is_cluster(fat, cluster)) {
            fat_damaged(fat);
            return;
        }
        if (fat_table_get(fat, cluster, &next) != 0 ||
            (next != TABLE_FREE && fat_table_set(fat, cluster, TABLE_FREE) != 0)) {
            fat_survive_leave(fat, cluster);
            return;
        }
        if (next == TABLE_FREE) {
            fat_damaged(fat);
            return;
        }
        fat->free += fat->counted && !fat_table_across(&fat->shape, cluster);
        fat->info_old = true;
    }
}

static int set_cuts_and_frees(struct fat *fat)
{
    struct fat_pending *pending = &fat->pending;
    bool cut = false;
    int error = 0;

    for (uint32_t i = 0; i < pending->free_count && !error; i++) {
        cut = cut || pending->frees[i].cut != 0;
        if (pending->frees[i].cut != 0)
            error = fat_table_set(fat, pending->frees[i].cut, TABLE_END);
    }
    if (!error && cut) {
        fat_publish(fat);
        error = stage(fat, CLASS_EARLY);
    }
    if (error)
        return error;
    while (pending->free_count > 0) {
        pending->frees[pending->free_count - 1].cut = 0;
        free_chain(fat, &pending->frees[pending->free_count - 1].first);
        pending->free_count--;
    }
    return 0;
}

/* Names that files had before a rename are gone from the medium: the marks at the new ones go, too, by the next commit. */
static void clear_marks(struct fat *fat)
{
    for (uint32_t i = 0; i < fat->pending.mark_count; i++) {
        const uint64_t position = fat->pending.marks[i].position;
        const uint8_t *const saved = fat->pending.marks[i].saved;
        struct fat_block *block;
        if (fat_get(fat, position / BLOCK, GET_READ, &block) != 0)
            continue; /* it does no harm */
        uint8_t *const entry = block->bytes + position % BLOCK;
        if (entry[0] != ENTRY_DELETED && entry[ENTRY_CASES] & CASES_MOVED) {
            entry[ENTRY_CASES] &= (uint8_t)~CASES_MOVED;
            memcpy(entry + ENTRY_CREATED_HUNDREDTHS, saved + ENTRY_CREATED_HUNDREDTHS, 5);
            fat_dirty(fat, block, CLASS_LATE);
        }
        fat_put(block);
    }
    fat->pending.mark_count = 0;
}

int fat_commit(struct fat *fat)
{
    int error;

    if (fat->failed)
        return EIO;
    if (fat->read_only)
        return 0;
    write_info(fat);
    fat_publish(fat);
    if ((error = stage(fat, CLASS_EARLY)) != 0 || (error = set_links(fat)) != 0 ||
        (error = stage(fat, CLASS_LATE)) != 0 || (error = set_cuts_and_frees(fat)) != 0)
        return error;
    clear_marks(fat);
    fat_publish(fat);
    return 0;
}
