/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What makes operations last, and how full the file system is.
 */
#include "ext4_impl.h"

int ext4_sync(struct ext4 *fs)
{
    if (!fs->marked)
        return 0; /* nothing can have been written */
    return transaction_commit(fs);
}

uint64_t ext4_progress(const struct ext4 *fs)
{
    return fs->progress;
}

/* One transaction for all: whatever one file needs is among it. */
int ext4_fsync(struct ext4 *fs, ext4_ino ino)
{
    (void)ino;
    return ext4_sync(fs);
}

int ext4_checkpoint(struct ext4 *fs)
{
    int error = ext4_sync(fs);

    if (error != 0 || !fs->marked)
        return error;
    error = checkpoint(fs);
    if (error != 0) {
        fs->aborted = true;
        return problem_set(fs, error, "checkpoint", "error of the medium");
    }
    return 0;
}

void ext4_get_statistics(struct ext4 *fs, struct ext4_statistics *statistics)
{
    const struct ext2_super_block *super = fs->lib->super;
    const uint64_t free_blocks = ext2fs_free_blocks_count(fs->lib->super);
    const uint64_t kept = ext2fs_r_blocks_count(fs->lib->super);

    *statistics = (struct ext4_statistics){
        .block_size = fs->block_size,
        .blocks = fs->blocks,
        .free_blocks = free_blocks,
        .available_blocks = free_blocks > kept ? free_blocks - kept : 0,
        .inodes = super->s_inodes_count,
        .free_inodes = super->s_free_inodes_count,
        .read_only = fs->read_only,
    };
}
