/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making files shorter, and freeing them. What one operation may free is bounded, so the inode is on the list of orphans meanwhile: a cut leaves a file that the
 * next mount finishes. Its size is right from the first operation on.
 */
#include "ext4_impl.h"

/* Frees the last run at or behind `least`; *more: there was one. */
static int free_last(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t least, bool *more)
{
    struct run run;
    const int error = map_last(fs, ino, inode, least, &run);

    *more = error == 0 && run.count > 0;
    return *more ? map_free_last(fs, ino, inode, &run) : error;
}

static uint64_t blocks_of(const struct ext4 *fs, const struct inode *inode)
{
    return (EXT2_I_SIZE(&inode->large) + fs->block_size - 1) / fs->block_size;
}

static int finish_some(struct ext4 *fs, ext4_ino ino, bool *more)
{
    struct inode inode;
    int error = inode_read(fs, ino, &inode);

    if (error == 0)
        error = free_last(fs, ino, &inode, blocks_of(fs, &inode), more);
    if (error != 0 || *more || inode.large.i_links_count == 0)
        return error;
    return orphans_remove(fs, ino, &inode);
}

static int free_inode(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    const bool folder = inode_is(inode, LINUX_S_IFDIR);
    int error = problem_of(fs, ext2fs_free_ext_attr(fs->lib, ino, &inode->large), "attributes");

    if (error == 0)
        error = orphans_remove(fs, ino, inode);
    if (error != 0)
        return error;
    inode->large.i_dtime = (uint32_t)inode_now(fs).seconds;
    if (!ext2fs_is_fast_symlink(inode_small(inode)))
        (void)ext2fs_inode_size_set(fs->lib, inode_small(inode), 0);
    error = inode_write(fs, ino, inode);
    if (error == 0)
        changes_free_inode(fs, ino, folder);
    return error;
}

static int delete_some(struct ext4 *fs, ext4_ino ino, bool *more)
{
    struct inode inode;
    int error = inode_read(fs, ino, &inode);

    if (error == 0)
        error = free_last(fs, ino, &inode, 0, more);
    if (error != 0 || *more)
        return error;
    return free_inode(fs, ino, &inode);
}

static int delete_operation(struct ext4 *fs, ext4_ino ino, bool *more)
{
    AS_OPERATION(fs, delete_some(fs, ino, more));
}

static int finish_operation(struct ext4 *fs, ext4_ino ino, bool *more)
{
    AS_OPERATION(fs, finish_some(fs, ino, more));
}

int truncate_delete(struct ext4 *fs, ext4_ino ino)
{
    bool more = true;
    int error = 0;

    while (error == 0 && more)
        error = delete_operation(fs, ino, &more);
    return error;
}

int truncate_finish(struct ext4 *fs, ext4_ino ino)
{
    bool more = true;
    int error = 0;

    while (error == 0 && more)
        error = finish_operation(fs, ino, &more);
    return error;
}

int truncate_before_growth(struct ext4 *fs, ext4_ino ino, uint64_t size)
{
    struct inode inode;
    int error;

    if (fs->read_only || fs->lib->super->s_last_orphan == 0)
        return 0;
    error = inode_read(fs, ino, &inode);
    if (error != 0 || !inode_is(&inode, LINUX_S_IFREG) || size <= EXT2_I_SIZE(&inode.large))
        return error;
    error = orphans_find(fs, ino);
    return error == ENOENT ? 0 : error != 0 ? error : truncate_finish(fs, ino);
}

static int set_size(struct ext4 *fs, ext4_ino ino, uint64_t size, bool *shorter)
{
    struct inode inode;
    int error = inode_read_file(fs, ino, &inode);

    if (error != 0)
        return error;
    *shorter = size < EXT2_I_SIZE(&inode.large);
    if (size > data_size_limit(fs, &inode))
        return EFBIG;
    if (size != EXT2_I_SIZE(&inode.large))
        error = data_clear_tail(fs, ino, &inode, *shorter ? size : EXT2_I_SIZE(&inode.large));
    if (error == 0)
        error =
            problem_of(fs, ext2fs_inode_size_set(fs->lib, inode_small(&inode), (ext2_off64_t)size),
                       "inode");
    if (error != 0)
        return error;
    inode_touch(fs, &inode, true);
    if (*shorter && inode.large.i_links_count > 0)
        return orphans_add(fs, ino, &inode);
    return inode_write(fs, ino, &inode);
}

static int size_operation(struct ext4 *fs, ext4_ino ino, uint64_t size, bool *shorter)
{
    AS_OPERATION(fs, set_size(fs, ino, size, shorter));
}

int ext4_truncate(struct ext4 *fs, ext4_ino ino, uint64_t size)
{
    bool shorter = false;
    int error = truncate_before_growth(fs, ino, size);

    if (error == 0)
        error = size_operation(fs, ino, size, &shorter);
    return error == 0 && shorter ? truncate_finish(fs, ino) : error;
}
