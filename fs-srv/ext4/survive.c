/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running transaction in memory that outlives a server (fs-srv/survivor). Each operation adds what it has changed: parts of blocks, what libext2fs keeps in memory
 * of bitmaps, descriptors and the superblock. One store publishes it with ext4_progress(); a commit begins an empty log. A successor replays the journal, makes all of the
 * log one transaction, and commits that before anybody looks.
 *
 * K1 Records are right also where they have been applied already: the last of them say what the transaction comes to.
 * K2 A log belongs to the transaction that the journal expects next: with another number after the replay it is committed (one more), or another card's.
 */
#include "ext4_impl.h"

#define FORMAT UINT64_C(0x3576727573347478)

enum record_kind {
    BLOCK_PART = 1,
    GATHERED_PART, /* of a block that is gathered from there on */
    BLOCKS_TAKEN,
    BLOCKS_FREED,
    INODE_STATE,
    DESCRIPTOR,
    SUPER
};

/* Words of the log's state. */
enum {
    STATE_PROGRESS,  /* with the records */
    STATE_COMMITTED, /* once the transaction is committed */
    STATE_EXPECTED, /* number that the transaction will have; in the upper half another one that it may have instead, later by one */
    STATE_UUID,     /* two words */
};

/* What operations change in the superblock. */
struct super_part {
    uint64_t free_blocks;
    uint32_t free_inodes, last_orphan, large_files;
    uint32_t unused;
};

enum { CHUNK = 64 /* bytes that are compared at once */ };

static bool is_kept(const struct ext4 *fs)
{
    return fs->survivor.memory != NULL;
}

void survive_open(struct ext4 *fs, const struct ext4_memory *memory)
{
    if (memory->size != 0)
        (void)survivor_open(&fs->survivor, memory->at, memory->size, FORMAT);
}

bool survive_is_there(const struct ext4_memory *memory)
{
    struct survivor log;

    return memory->size != 0 && survivor_open(&log, memory->at, memory->size, FORMAT) &&
           !survivor_is_empty(&log);
}

static void publish(struct ext4 *fs, uint64_t progress, uint64_t committed)
{
    fs->survivor.state[STATE_PROGRESS] = progress;
    fs->survivor.state[STATE_COMMITTED] = committed;
    survivor_publish(&fs->survivor);
}

void survive_end(struct ext4 *fs)
{
    if (is_kept(fs))
        survivor_erase(&fs->survivor);
}

void survive_end_but_progress(struct ext4 *fs)
{
    if (!is_kept(fs))
        return;
    survivor_restart(&fs->survivor);
    publish(fs, fs->progress, fs->progress);
}

/* ---- an operation ---- */

static bool differs(const uint8_t *a, const uint8_t *b)
{
    uint64_t different = 0;

    for (unsigned i = 0; i < CHUNK; i += 8) {
        uint64_t x, y;

        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        different |= x ^ y;
    }
    return different != 0;
}

static bool add_part(struct ext4 *fs, const struct block *block, uint32_t from, uint32_t to)
{
    return survivor_add(&fs->survivor, block->gathered ? GATHERED_PART : BLOCK_PART, block->number,
                        from, block->data + from, to - from);
}

/* Of a block that was clean there is no copy to compare with: it is added as a whole, once in a transaction. */
static bool add_block(struct ext4 *fs, const struct saved_block *saved)
{
    const struct block *block = cache_find(fs, saved->number);
    const uint32_t size = fs->block_size;
    uint32_t at = 0;

    if (block == NULL)
        return true;
    if (!saved->dirty && !saved->logged)
        return add_part(fs, block, 0, size);
    while (at < size) {
        uint32_t end = at;

        while (end < size && differs(saved->data + end, block->data + end))
            end += CHUNK;
        if (end != at && !add_part(fs, block, at, end))
            return false;
        at = end + CHUNK;
    }
    return true;
}

static bool add_ranges(struct ext4 *fs, enum record_kind kind, const struct ranges *ranges,
                       uint32_t from)
{
    bool good = true;

    for (uint32_t i = from; i < ranges->count && good; i++)
        good = survivor_add(&fs->survivor, (uint16_t)kind, ranges->list[i].first,
                            ranges->list[i].count, NULL, 0);
    return good;
}

static bool add_groups(struct ext4 *fs)
{
    const struct transaction *t = &fs->transaction;
    const uint32_t size = EXT2_DESC_SIZE(fs->lib->super);
    bool good = true;

    for (uint32_t g = 0; g < t->group_count && good; g++)
        if (t->groups[g] & GROUP_OPERATION)
            good = survivor_add(&fs->survivor, DESCRIPTOR, g,
                                t->groups[g] & (GROUP_BLOCKS | GROUP_INODES),
                                ext2fs_group_desc(fs->lib, fs->lib->group_desc, g), size);
    return good;
}

static bool add_super(struct ext4 *fs)
{
    const struct ext2_super_block *super = fs->lib->super;
    const struct super_part part = {
        .free_blocks = ext2fs_free_blocks_count(fs->lib->super),
        .free_inodes = super->s_free_inodes_count,
        .last_orphan = super->s_last_orphan,
        .large_files = super->s_feature_ro_compat & EXT2_FEATURE_RO_COMPAT_LARGE_FILE,
    };

    return survivor_add(&fs->survivor, SUPER, 0, 0, &part, sizeof(part));
}

static bool add_operation(struct ext4 *fs)
{
    const struct transaction *t = &fs->transaction;

    for (const struct saved_block *saved = t->saved; saved != NULL; saved = saved->next)
        if (!add_block(fs, saved))
            return false;
    for (uint32_t i = 0; i < t->inode_count; i++)
        if (!survivor_add(&fs->survivor, INODE_STATE, t->inodes[i].ino, !t->inodes[i].in_use, NULL,
                          0))
            return false;
    return add_ranges(fs, BLOCKS_TAKEN, &t->allocated, 0) &&
           add_ranges(fs, BLOCKS_FREED, &t->freed, t->freed_before) && add_groups(fs) &&
           (!t->super_changes || add_super(fs));
}

bool survive_operation(struct ext4 *fs, uint64_t progress)
{
    if (!is_kept(fs))
        return true;
    if (add_operation(fs)) {
        publish(fs, progress, progress);
        return true;
    }
    survivor_forget(&fs->survivor);
    publish(fs, fs->progress, progress);
    return false;
}

static void expect(struct ext4 *fs, uint32_t sequence, uint32_t or_sequence)
{
    fs->survivor.state[STATE_EXPECTED] = sequence | (uint64_t)or_sequence << 32;
}

void survive_commit(struct ext4 *fs)
{
    if (!is_kept(fs))
        return;
    survivor_restart(&fs->survivor);
    expect(fs, fs->journal.sequence, fs->journal.sequence);
    publish(fs, fs->progress, fs->progress);
}

/* ---- after a kill ---- */

/* Nothing of it is of use: a log that is empty is the beginning. */
static void begin_empty(struct ext4 *fs)
{
    survivor_restart(&fs->survivor);
    memcpy(&fs->survivor.state[STATE_UUID], fs->lib->super->s_uuid, 16);
}

void survive_found(struct ext4 *fs, uint32_t end)
{
    struct survivor *log = &fs->survivor;
    const uint64_t expected = log->state[STATE_EXPECTED];
    const uint32_t later = (uint32_t)(expected >> 32);

    if (!is_kept(fs))
        return;
    fs->progress = 0;
    if (memcmp(&log->state[STATE_UUID], fs->lib->super->s_uuid, 16) != 0) {
        begin_empty(fs);
    } else if (end == (uint32_t)expected || end == later) {
        fs->progress = log->state[STATE_PROGRESS];
    } else {
        fs->progress = log->state[end == later + 1 ? STATE_COMMITTED : STATE_PROGRESS];
        begin_empty(fs);
    }
    expect(fs, end, end + 1);
    publish(fs, fs->progress, fs->progress);
}

void survive_found_clean(struct ext4 *fs)
{
    struct survivor *log = &fs->survivor;

    if (!is_kept(fs))
        return;
    if (memcmp(&log->state[STATE_UUID], fs->lib->super->s_uuid, 16) == 0)
        fs->progress = log->state[STATE_PROGRESS];
    begin_empty(fs);
    publish(fs, fs->progress, fs->progress);
}

void survive_begin(struct ext4 *fs)
{
    if (!is_kept(fs))
        return;
    expect(fs, fs->journal.sequence, fs->journal.sequence);
    publish(fs, fs->progress, fs->progress);
}

/* ---- looking at records before any of them is applied ---- */

static bool is_range_good(const struct ext4 *fs, uint64_t first, uint64_t count)
{
    return first >= fs->lib->super->s_first_data_block && first < fs->blocks &&
           count <= fs->blocks - first && !zones_touch(fs, first, count);
}

static bool is_part_good(const struct ext4 *fs, const struct survivor_record *r)
{
    return r->number < fs->blocks && !journal_holds(&fs->journal, r->number) &&
           r->extra < fs->block_size && r->size <= fs->block_size - r->extra;
}

/* Of the fields that say where things are: they never change. */
static bool is_descriptor_good(struct ext4 *fs, const struct survivor_record *r)
{
    ext2_filsys lib = fs->lib;
    const size_t places = 12, high = offsetof(struct ext4_group_desc, bg_block_bitmap_hi);
    const uint8_t *ours;

    if (r->number >= lib->group_desc_count || r->size != EXT2_DESC_SIZE(lib->super))
        return false;
    ours = (const void *)ext2fs_group_desc(lib, lib->group_desc, (dgrp_t)r->number);
    return memcmp(ours, r->data, places) == 0 &&
           (r->size < high + places || memcmp(ours + high, r->data + high, places) == 0);
}

static bool is_good(struct ext4 *fs, const struct survivor_record *r)
{
    switch (r->kind) {
    case BLOCK_PART:
    case GATHERED_PART: return is_part_good(fs, r);
    case BLOCKS_TAKEN:
    case BLOCKS_FREED: return is_range_good(fs, r->number, r->extra);
    case INODE_STATE:
        return r->number >= EXT2_FIRST_INODE(fs->lib->super) &&
               r->number <= fs->lib->super->s_inodes_count;
    case DESCRIPTOR: return is_descriptor_good(fs, r);
    case SUPER: return r->size == sizeof(struct super_part);
    default: return false;
    }
}

static bool are_all_good(struct ext4 *fs)
{
    struct survivor_record record;

    for (size_t at = 0; survivor_read(&fs->survivor, &at, &record);)
        if (!is_good(fs, &record))
            return false;
    return true;
}

/* ---- applying them ---- */

static int apply_part(struct ext4 *fs, const struct survivor_record *r)
{
    struct block *block;
    const int error = cache_get(fs, r->number, r->size == fs->block_size, &block);

    if (error != 0)
        return error;
    memcpy(block->data + r->extra, r->data, r->size);
    if (r->kind == GATHERED_PART && !block->logged)
        cache_set_gathered(fs, block, 0);
    else
        cache_set_state(fs, block, true, block->logged);
    return 0;
}

static void apply_descriptor(struct ext4 *fs, const struct survivor_record *r)
{
    struct transaction *t = &fs->transaction;
    const uint8_t what = r->extra & (GROUP_BLOCKS | GROUP_INODES);

    memcpy(ext2fs_group_desc(fs->lib, fs->lib->group_desc, (dgrp_t)r->number), r->data, r->size);
    memcpy(t->descriptors + r->number * r->size, r->data, r->size);
    if (t->groups[r->number] == 0)
        t->group_changes += 2;
    t->groups[r->number] |= what;
}

static void apply_super(struct ext4 *fs, const struct survivor_record *r)
{
    struct super_part part;

    memcpy(&part, r->data, sizeof(part));
    ext2fs_free_blocks_count_set(fs->lib->super, part.free_blocks);
    fs->lib->super->s_free_inodes_count = part.free_inodes;
    fs->lib->super->s_last_orphan = part.last_orphan;
    fs->lib->super->s_feature_ro_compat |= part.large_files & EXT2_FEATURE_RO_COMPAT_LARGE_FILE;
}

static int apply(struct ext4 *fs, const struct survivor_record *r)
{
    switch (r->kind) {
    case BLOCK_PART:
    case GATHERED_PART: return apply_part(fs, r);
    case BLOCKS_TAKEN:
        ext2fs_mark_block_bitmap_range2(fs->lib->block_map, r->number, (blk_t)r->extra);
        return 0;
    case BLOCKS_FREED:
        return ranges_add(&fs->transaction.freed, 0, r->number, r->extra) ? 0 : ENOMEM;
    case INODE_STATE:
        if (r->extra != 0)
            ext2fs_mark_inode_bitmap2(fs->lib->inode_map, (ext2_ino_t)r->number);
        else
            ext2fs_unmark_inode_bitmap2(fs->lib->inode_map, (ext2_ino_t)r->number);
        return 0;
    case DESCRIPTOR: apply_descriptor(fs, r); return 0;
    default: apply_super(fs, r); return 0;
    }
}

/* The memory is of no use: the mount begins again without. */
static int refuse(struct ext4 *fs)
{
    survivor_erase(&fs->survivor);
    return ESTALE;
}

int survive_resume(struct ext4 *fs)
{
    struct survivor_record record;

    if (!is_kept(fs) || survivor_is_empty(&fs->survivor))
        return 0;
    if (!are_all_good(fs))
        return refuse(fs);
    for (size_t at = 0; survivor_read(&fs->survivor, &at, &record);) {
        const int error = apply(fs, &record);

        if (error != 0)
            return error;
        if (transaction_is_full(fs))
            return refuse(fs);
    }
    fs->transaction.super_changed = true;
    return transaction_commit(fs);
}
