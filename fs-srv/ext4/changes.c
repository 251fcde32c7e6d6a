/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operations change that libext2fs keeps in memory: bitmaps, group descriptors, the superblock. libext2fs tells of every block that it takes or frees; the
 * groups are noted, and at the commit their bitmaps and descriptors become blocks of the transaction.
 */
#include "ext4_impl.h"

static void note_group(struct transaction *t, uint32_t group, uint8_t what)
{
    if ((t->groups[group] & what) == 0)
        t->group_changes++;
    t->groups[group] |= what | GROUP_OPERATION;
}

/* After libext2fs has changed its bitmap. A freed block is marked again: see I3. What cannot be noted is undone here, and fails the operation. */
static void note_block(ext2_filsys lib, blk64_t block, int in_use)
{
    struct ext4 *fs = lib->priv_data;
    struct transaction *t = &fs->transaction;

    note_group(t, ext2fs_group_of_blk2(lib, block), GROUP_BLOCKS);
    if (in_use > 0) {
        if (!ranges_add(&t->allocated, 0, block, 1)) {
            ext2fs_unmark_block_bitmap2(lib->block_map, block);
            t->failure = ENOMEM;
        }
        return;
    }
    ext2fs_mark_block_bitmap2(lib->block_map, block);
    if (zones_touch(fs, block, 1))
        t->failure = problem_set(fs, EBADMSG, "free", "a block of metadata that no file can have");
    else if (!ranges_add(&t->freed, t->freed_before, block, 1))
        t->failure = ENOMEM;
}

/* libext2fs 1.47 tells the end of the range and no length. Only directories are made longer this way, by one block. */
static void note_range(ext2_filsys lib, blk64_t end, blk_t count, int in_use)
{
    note_block(lib, count == 0 ? end - 1 : end, in_use);
}

void changes_watch(struct ext4 *fs)
{
    fs->lib->priv_data = fs;
    ext2fs_set_block_alloc_stats_callback(fs->lib, note_block, NULL);
    ext2fs_set_block_alloc_stats_range_callback(fs->lib, note_range, NULL);
}

int changes_allocate(struct ext4 *fs, uint64_t goal, uint64_t count, uint64_t *first, uint64_t *got)
{
    blk64_t start, length;
    const errcode_t result = ext2fs_new_range(fs->lib, 0, goal, count, NULL, &start, &length);

    if (result != 0)
        return problem_of(fs, result, "free blocks");
    for (uint64_t i = 0; i < length; i++)
        ext2fs_block_alloc_stats2(fs->lib, start + i, +1);
    *first = start;
    *got = length;
    fs->taken_end = start + length;
    return 0;
}

/* `in_use` is what the inode was. */
static bool note_inode(struct ext4 *fs, ext4_ino ino, bool in_use)
{
    struct transaction *t = &fs->transaction;

    if (t->inode_count == sizeof(t->inodes) / sizeof(t->inodes[0]))
        return false;
    t->inodes[t->inode_count++] = (struct saved_inode){ino, in_use};
    note_group(t, (uint32_t)ext2fs_group_of_ino(fs->lib, ino), GROUP_INODES);
    return true;
}

/* libext2fs takes a group's inodes into use, and says then of its blocks, too, that their bitmap is good. */
static void note_first_use(struct ext4 *fs, uint32_t group)
{
    const struct ext2_group_desc *saved =
        (const void *)(fs->transaction.descriptors +
                       group * (size_t)EXT2_DESC_SIZE(fs->lib->super));

    if (ext2fs_has_group_desc_csum(fs->lib) && (saved->bg_flags & EXT2_BG_BLOCK_UNINIT))
        note_group(&fs->transaction, group, GROUP_BLOCKS);
}

int changes_allocate_inode(struct ext4 *fs, ext4_ino folder, uint32_t mode, ext4_ino *ino)
{
    ext2_ino_t found;
    const errcode_t result = ext2fs_new_inode(fs->lib, folder, (int)mode, NULL, &found);

    if (result != 0)
        return problem_of(fs, result, "free inodes");
    if (!note_inode(fs, found, false))
        return ENOMEM;
    note_first_use(fs, (uint32_t)ext2fs_group_of_ino(fs->lib, found));
    ext2fs_inode_alloc_stats2(fs->lib, found, +1, LINUX_S_ISDIR(mode));
    *ino = found;
    return 0;
}

void changes_free_inode(struct ext4 *fs, ext4_ino ino, bool folder)
{
    folder_index_forget(fs, ino);
    if (note_inode(fs, ino, true))
        ext2fs_inode_alloc_stats2(fs->lib, ino, -1, folder);
    else
        fs->transaction.failure = ENOMEM;
}

void changes_undo(struct ext4 *fs)
{
    struct transaction *t = &fs->transaction;

    for (uint32_t i = 0; i < t->allocated.count; i++)
        ext2fs_unmark_block_bitmap_range2(fs->lib->block_map, t->allocated.list[i].first,
                                          (blk_t)t->allocated.list[i].count);
    t->freed.count = t->freed_before;
    while (t->inode_count > 0) {
        const struct saved_inode *saved = &t->inodes[--t->inode_count];

        if (saved->in_use)
            ext2fs_mark_inode_bitmap2(fs->lib->inode_map, saved->ino);
        else
            ext2fs_unmark_inode_bitmap2(fs->lib->inode_map, saved->ino);
    }
    memcpy(fs->lib->group_desc, t->descriptors, (size_t)fs->lib->desc_blocks * fs->block_size);
    memcpy(fs->lib->super, t->super, sizeof(t->super));
}

/* ---- collecting ---- */

static bool is_unused(struct ext4 *fs, uint32_t group, uint16_t flag)
{
    return ext2fs_has_group_desc_csum(fs->lib) && ext2fs_bg_flags_test(fs->lib, group, flag);
}

/* What the transaction frees is free on the medium, though not yet here. */
static void clear_freed(struct ext4 *fs, uint64_t start, uint64_t count, uint8_t *bits)
{
    const struct ranges *freed = &fs->transaction.freed;

    for (uint32_t i = 0; i < freed->count; i++) {
        const struct range *range = &freed->list[i];
        uint64_t from = range->first > start ? range->first : start;
        const uint64_t end = range->first + range->count;

        for (; from < end && from < start + count; from++)
            ext2fs_fast_clear_bit64(from - start, bits);
    }
}

static int collect_blocks(struct ext4 *fs, uint32_t group, uint8_t *bits)
{
    ext2_filsys lib = fs->lib;
    const uint64_t per_group = EXT2_BLOCKS_PER_GROUP(lib->super);
    const uint64_t start = lib->super->s_first_data_block + group * per_group;
    uint64_t count = fs->blocks - start < per_group ? fs->blocks - start : per_group;
    errcode_t result;

    memset(bits, 0xff, fs->block_size);
    result = ext2fs_get_block_bitmap_range2(lib->block_map, start, per_group, bits);
    if (result != 0)
        return problem_of(fs, result, "block bitmap");
    clear_freed(fs, start, count, bits);
    for (; count < 8 * (uint64_t)fs->block_size; count++)
        ext2fs_fast_set_bit64(count, bits);
    result = ext2fs_block_bitmap_csum_set(lib, group, (char *)bits, (int)(per_group / 8));
    if (result != 0)
        return problem_of(fs, result, "block bitmap");
    return transaction_write(fs, ext2fs_block_bitmap_loc(lib, group), bits);
}

static int collect_inodes(struct ext4 *fs, uint32_t group, uint8_t *bits)
{
    ext2_filsys lib = fs->lib;
    const uint32_t per_group = EXT2_INODES_PER_GROUP(lib->super);
    errcode_t result;

    memset(bits, 0xff, fs->block_size);
    result = ext2fs_get_inode_bitmap_range2(lib->inode_map, group * (uint64_t)per_group + 1,
                                            per_group, bits);
    if (result == 0)
        result = ext2fs_inode_bitmap_csum_set(lib, group, (char *)bits, (int)(per_group / 8));
    if (result != 0)
        return problem_of(fs, result, "inode bitmap");
    return transaction_write(fs, ext2fs_inode_bitmap_loc(lib, group), bits);
}

static int collect_group(struct ext4 *fs, uint32_t group, uint8_t *bits)
{
    const uint8_t what = fs->transaction.groups[group];
    const uint32_t per_block = EXT2_DESC_PER_BLOCK(fs->lib->super);
    const uint32_t index = group / per_block;
    int error = 0;

    if ((what & GROUP_BLOCKS) && !is_unused(fs, group, EXT2_BG_BLOCK_UNINIT))
        error = collect_blocks(fs, group, bits);
    if (error == 0 && (what & GROUP_INODES) && !is_unused(fs, group, EXT2_BG_INODE_UNINIT))
        error = collect_inodes(fs, group, bits);
    if (error != 0)
        return error;
    ext2fs_group_desc_csum_set(fs->lib, group);
    memcpy(fs->transaction.descriptors + group * (size_t)EXT2_DESC_SIZE(fs->lib->super),
           ext2fs_group_desc(fs->lib, fs->lib->group_desc, group), EXT2_DESC_SIZE(fs->lib->super));
    return transaction_write(
        fs, ext2fs_descriptor_block_loc2(fs->lib, fs->lib->super->s_first_data_block, index),
        (const uint8_t *)fs->lib->group_desc + (size_t)index * fs->block_size);
}

static int collect_super(struct ext4 *fs)
{
    struct ext2_super_block *super = fs->lib->super;
    const uint64_t number = fs->block_size == 1024 ? 1 : 0;
    struct block *block;
    int error = cache_get(fs, number, false, &block);

    if (error != 0)
        return error;
    if (fs->error == EBADMSG)
        super->s_state |= EXT2_ERROR_FS;
    super->s_wtime = (uint32_t)ext4_now(fs).seconds;
    ext2fs_superblock_csum_set(fs->lib, super);
    memcpy(block->data + (number == 0 ? 1024 : 0), super, sizeof(*super));
    cache_set_state(fs, block, true, block->logged);
    return 0;
}

int changes_collect(struct ext4 *fs)
{
    uint8_t *bits = malloc(fs->block_size);
    int error = bits ? 0 : ENOMEM;

    for (uint32_t g = 0; g < fs->transaction.group_count && error == 0; g++)
        if (fs->transaction.groups[g] != 0)
            error = collect_group(fs, g, bits);
    free(bits);
    return error != 0 ? error : collect_super(fs);
}

void changes_release(struct ext4 *fs)
{
    struct transaction *t = &fs->transaction;

    for (uint32_t i = 0; i < t->freed.count; i++)
        ext2fs_unmark_block_bitmap_range2(fs->lib->block_map, t->freed.list[i].first,
                                          (blk_t)t->freed.list[i].count);
    t->freed.count = 0;
    t->freed_before = 0;
    memset(t->groups, 0, t->group_count);
    t->group_changes = 0;
    t->super_changed = false;
}
