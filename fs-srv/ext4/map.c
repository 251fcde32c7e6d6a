/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the blocks of a file lie: runs of extents, or of the block lists of ext2 and ext3. Every place is checked before it is used.
 */
#include "ext4_impl.h"

enum {
    LISTED_RUN = 256, /* blocks that are looked up one by one, at most */
    LISTED_FILL = 16, /* that are allocated one by one, or made written */
    EXTENT_MOST = 32768,
    FREED_GROUPS = 8, /* whose blocks are freed at once, about */
};

static bool has_extents(const struct inode *inode)
{
    return (inode->large.i_flags & EXT4_EXTENTS_FL) != 0;
}

static int check_place(struct ext4 *fs, const struct run *run)
{
    if (run->physical == 0)
        return 0;
    if (run->physical >= fs->blocks || run->count > fs->blocks - run->physical ||
        zones_touch(fs, run->physical, run->count))
        return problem_set(fs, EBADMSG, "file", "its blocks lie where none can be");
    return 0;
}

/* ---- extents ---- */

static void take_extent(struct run *run, const struct ext2fs_extent *extent, uint64_t most)
{
    const uint64_t skipped = run->logical - extent->e_lblk;

    run->physical = extent->e_pblk + skipped;
    run->count = extent->e_len - skipped < most ? extent->e_len - skipped : most;
    run->unwritten = (extent->e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0;
}

/* The hole ends at the next extent. */
static errcode_t take_hole(ext2_extent_handle_t handle, struct run *run, uint64_t most)
{
    struct ext2fs_extent extent;
    errcode_t result = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);

    run->count = most;
    if (result == 0 && extent.e_lblk <= run->logical)
        result = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
    if (result == EXT2_ET_NO_CURRENT_NODE || result == EXT2_ET_EXTENT_NO_NEXT)
        return 0;
    if (result == 0 && extent.e_lblk > run->logical && extent.e_lblk - run->logical < most)
        run->count = extent.e_lblk - run->logical;
    return result;
}

/* Block 0 means a hole elsewhere; an extent that lies there is damage. */
static bool has_place(const struct ext4 *fs, const struct ext2fs_extent *extent)
{
    return extent->e_pblk > fs->lib->super->s_first_data_block;
}

static errcode_t find_extent(struct ext4 *fs, ext2_extent_handle_t handle, uint64_t most,
                             struct run *run)
{
    struct ext2fs_extent extent;
    errcode_t result = ext2fs_extent_goto(handle, run->logical);

    if (result == EXT2_ET_EXTENT_NOT_FOUND)
        return take_hole(handle, run, most);
    if (result == 0)
        result = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    if (result == 0 && (extent.e_lblk > run->logical ||
                        extent.e_len <= run->logical - extent.e_lblk || !has_place(fs, &extent)))
        return EXT2_ET_EXTENT_INVALID_LENGTH;
    if (result == 0)
        take_extent(run, &extent, most);
    return result;
}

/* ---- both kinds ---- */

static errcode_t find_listed(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t most,
                             struct run *run)
{
    for (run->count = 0; run->count < most && run->count < LISTED_RUN; run->count++) {
        blk64_t block;
        const errcode_t result = ext2fs_bmap2(fs->lib, ino, inode_small(inode), NULL, 0,
                                              run->logical + run->count, NULL, &block);

        if (result != 0)
            return result;
        if (run->count == 0)
            run->physical = block;
        else if (block != (run->physical ? run->physical + run->count : 0))
            break;
    }
    return 0;
}

int map_find(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t logical, uint64_t most,
             struct run *run)
{
    ext2_extent_handle_t handle;
    errcode_t result;

    *run = (struct run){.logical = logical};
    if (!has_extents(inode)) {
        result = find_listed(fs, ino, inode, most, run);
    } else {
        result = ext2fs_extent_open2(fs->lib, ino, inode_small(inode), &handle);
        if (result == 0) {
            result = find_extent(fs, handle, most, run);
            ext2fs_extent_free(handle);
        }
    }
    return result != 0 ? problem_of(fs, result, "block map") : check_place(fs, run);
}

/* ---- filling ---- */

/* libext2fs 1.47 takes the file's end for the end of an index' last entry, and does not find that entry again if it begins there. So it sees an end where none can begin. */
static errcode_t open_to_grow(struct ext4 *fs, ext4_ino ino, struct inode *inode,
                              ext2_extent_handle_t *handle)
{
    const uint32_t low = inode->large.i_size, high = inode->large.i_size_high;
    const uint64_t last = (uint64_t)UINT32_MAX * fs->block_size;
    errcode_t result;

    inode->large.i_size = (uint32_t)last;
    inode->large.i_size_high = (uint32_t)(last >> 32);
    result = ext2fs_extent_open2(fs->lib, ino, inode_small(inode), handle);
    inode->large.i_size = low;
    inode->large.i_size_high = high;
    return result;
}

/* The new run behind the extent before it, if that goes on; else as an extent of its own. */
static errcode_t insert_extent(ext2_extent_handle_t handle, const struct run *run)
{
    struct ext2fs_extent near = {0};
    struct ext2fs_extent extent = {.e_pblk = run->physical,
                                   .e_lblk = run->logical,
                                   .e_len = (uint32_t)run->count};
    errcode_t result;

    (void)ext2fs_extent_goto(handle, run->logical); /* it is a hole: stands at the nearest */
    result = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &near);
    if (result != 0 && result != EXT2_ET_NO_CURRENT_NODE)
        return result;
    if (result == 0 && near.e_lblk + near.e_len == run->logical &&
        near.e_pblk + near.e_len == run->physical &&
        (near.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0 && near.e_len + run->count <= EXTENT_MOST) {
        near.e_len += (uint32_t)run->count;
        return ext2fs_extent_replace(handle, 0, &near);
    }
    result = ext2fs_extent_insert(handle, near.e_lblk > run->logical ? 0 : EXT2_EXTENT_INSERT_AFTER,
                                  &extent);
    return result != 0 ? result : ext2fs_extent_fix_parents(handle);
}

/* The groups whose administration lies together, and whose files begin at the first of them. */
static uint64_t flex_of(const struct ext4 *fs, uint64_t block)
{
    return ext2fs_group_of_blk2(fs->lib, block) >> fs->lib->super->s_log_groups_per_flex;
}

/* Where its next blocks are looked for: a file's first ones behind those that were taken last, if these are where its first ones belong, so that files that are made one
 * after the other lie one behind the other. */
static uint64_t goal_of(const struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t logical)
{
    const uint64_t goal = ext2fs_find_inode_goal(fs->lib, ino, inode_small(inode), logical);
    const uint64_t next = fs->taken_end;
    const bool is_first = ext2fs_inode_i_blocks(fs->lib, inode_small(inode)) == 0;

    if (!is_first || next <= goal || next >= fs->blocks || flex_of(fs, next) != flex_of(fs, goal))
        return goal;
    return next;
}

static int fill_extent(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct run *run)
{
    ext2_extent_handle_t handle;
    const uint64_t goal = goal_of(fs, ino, inode, run->logical);
    errcode_t result;
    int error;

    error = changes_allocate(fs, goal, run->count < EXTENT_MOST ? run->count : EXTENT_MOST,
                             &run->physical, &run->count);
    if (error != 0)
        return error;
    result = open_to_grow(fs, ino, inode, &handle);
    if (result == 0) {
        result = insert_extent(handle, run);
        ext2fs_extent_free(handle);
    }
    if (result == 0)
        result = ext2fs_iblk_add_blocks(fs->lib, inode_small(inode), run->count);
    return problem_of(fs, result, "extents");
}

static int fill_listed(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct run *run)
{
    const uint64_t goal = goal_of(fs, ino, inode, run->logical);
    errcode_t result = 0;
    int error = changes_allocate(fs, goal, run->count < LISTED_FILL ? run->count : LISTED_FILL,
                                 &run->physical, &run->count);

    if (error != 0)
        return error;
    for (uint64_t i = 0; i < run->count && result == 0; i++) {
        blk64_t block = run->physical + i;

        result = ext2fs_bmap2(fs->lib, ino, inode_small(inode), NULL, BMAP_SET | BMAP_ALLOC,
                              run->logical + i, NULL, &block);
    }
    if (result == 0)
        result = ext2fs_iblk_add_blocks(fs->lib, inode_small(inode), run->count);
    return problem_of(fs, result, "block map");
}

/* What has never been written becomes so: its blocks get extents of another kind. */
static int fill_unwritten(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct run *run)
{
    ext2_extent_handle_t handle;
    errcode_t result = open_to_grow(fs, ino, inode, &handle);

    if (result != 0)
        return problem_of(fs, result, "extents");
    if (run->count > LISTED_FILL)
        run->count = LISTED_FILL;
    for (uint64_t i = 0; i < run->count && result == 0; i++)
        result = ext2fs_extent_set_bmap(handle, run->logical + i, run->physical + i, 0);
    ext2fs_extent_free(handle);
    return problem_of(fs, result, "extents");
}

int map_fill(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct run *run)
{
    if (run->unwritten)
        return fill_unwritten(fs, ino, inode, run);
    if (ext2fs_free_blocks_count(fs->lib->super) <= ext2fs_r_blocks_count(fs->lib->super))
        return ENOSPC;
    return has_extents(inode) ? fill_extent(fs, ino, inode, run) : fill_listed(fs, ino, inode, run);
}

/* ---- the end of a file ---- */

struct last {
    uint64_t least, found;
    bool any;
};

static int note_last(ext2_filsys lib, blk64_t *block, e2_blkcnt_t logical, blk64_t in, int at,
                     void *context)
{
    struct last *last = context;

    (void)lib;
    (void)block;
    (void)in;
    (void)at;
    if (logical >= 0 && (uint64_t)logical >= last->least) {
        last->found = (uint64_t)logical;
        last->any = true;
    }
    return 0;
}

static errcode_t last_listed(struct ext4 *fs, ext4_ino ino, uint64_t least, struct run *run)
{
    const uint64_t piece = fs->lib->group_desc_count > 64 ? 32 : 1024;
    struct last last = {.least = least};
    const errcode_t result =
        ext2fs_block_iterate3(fs->lib, ino, BLOCK_FLAG_READ_ONLY, NULL, note_last, &last);

    if (result != 0 || !last.any)
        return result;
    run->logical = last.found - least < piece ? least : last.found - piece + 1;
    run->count = last.found - run->logical + 1;
    return 0;
}

static errcode_t last_extent(struct ext4 *fs, ext2_extent_handle_t handle, uint64_t least,
                             struct run *run)
{
    const uint64_t most = FREED_GROUPS * (uint64_t)EXT2_BLOCKS_PER_GROUP(fs->lib->super);
    struct ext2fs_extent extent;
    uint64_t end;
    errcode_t result = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);

    if (result == EXT2_ET_EXTENT_NO_NEXT || result == EXT2_ET_NO_CURRENT_NODE)
        return 0;
    if (result == 0)
        result = ext2fs_extent_get(handle, EXT2_EXTENT_LAST_LEAF, &extent);
    if (result != 0)
        return result;
    if (!has_place(fs, &extent))
        return EXT2_ET_EXTENT_INVALID_LENGTH;
    end = extent.e_lblk + extent.e_len;
    if (end <= least)
        return 0;
    run->logical = extent.e_lblk > least ? extent.e_lblk : least;
    if (end - run->logical > most)
        run->logical = end - most;
    run->count = end - run->logical;
    run->physical = extent.e_pblk + (run->logical - extent.e_lblk);
    return 0;
}

int map_last(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t least, struct run *run)
{
    ext2_extent_handle_t handle;
    errcode_t result;

    *run = (struct run){0};
    if (!ext2fs_inode_has_valid_blocks2(fs->lib, inode_small(inode)))
        return 0;
    if (!has_extents(inode))
        return problem_of(fs, last_listed(fs, ino, least, run), "block map");
    result = ext2fs_extent_open2(fs->lib, ino, inode_small(inode), &handle);
    if (result == 0) {
        result = last_extent(fs, handle, least, run);
        ext2fs_extent_free(handle);
    }
    return result != 0 ? problem_of(fs, result, "block map") : check_place(fs, run);
}

/* libext2fs 1.47 would not free a run that ends with the last block of the file system. No parent changes with the last extent but by losing its only child, which
 * ext2fs_extent_delete() sees to. */
static errcode_t cut_extent(ext2_extent_handle_t handle, const struct run *run)
{
    struct ext2fs_extent extent;
    errcode_t result = ext2fs_extent_goto(handle, run->logical);

    if (result == 0)
        result = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    if (result != 0)
        return result;
    if (extent.e_lblk < run->logical) {
        extent.e_len = (uint32_t)(run->logical - extent.e_lblk);
        return ext2fs_extent_replace(handle, 0, &extent);
    }
    return ext2fs_extent_delete(handle, 0);
}

int map_free_last(struct ext4 *fs, ext4_ino ino, struct inode *inode, const struct run *run)
{
    ext2_extent_handle_t handle;
    errcode_t result;

    if (!has_extents(
            inode)) /* nothing lies behind; libext2fs 1.47 leaves some of a range that has an end */
        return problem_of(fs,
                          ext2fs_punch(fs->lib, ino, inode_small(inode), NULL, run->logical,
                                       ~UINT64_C(0)),
                          "block map");
    result = ext2fs_extent_open2(fs->lib, ino, inode_small(inode), &handle);
    if (result == 0) {
        result = cut_extent(handle, run);
        ext2fs_extent_free(handle);
    }
    for (uint64_t i = 0; i < run->count && result == 0; i++)
        ext2fs_block_alloc_stats2(fs->lib, run->physical + i, -1);
    if (result == 0)
        result = ext2fs_iblk_sub_blocks(fs->lib, inode_small(inode), run->count);
    return result != 0 ? problem_of(fs, result, "block map") : inode_write(fs, ino, inode);
}
