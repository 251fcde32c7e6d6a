/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that make a file, a folder, a symbolic link or another name.
 */
#include "ext4_impl.h"

enum { LINKS_MOST = 65000 };

int folder_changed(struct ext4 *fs, ext4_ino folder, int links)
{
    struct inode inode;
    int error = inode_read(fs, folder, &inode);

    if (error != 0)
        return error;
    /* A folder that has or had too many folders in it counts as having one link. */
    if (links != 0 && inode.large.i_links_count > 1) {
        if (links > 0 && inode.large.i_links_count >= LINKS_MOST) {
            if (!ext2fs_has_feature_dir_nlink(fs->lib->super))
                return EMLINK;
            inode.large.i_links_count = 1;
        } else {
            inode.large.i_links_count = (uint16_t)(inode.large.i_links_count + links);
        }
    }
    inode_touch(fs, &inode, true);
    return inode_write(fs, folder, &inode);
}

/* The folder stands, and the name is free. */
static int check_free(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                      char text[EXT4_NAME + 1])
{
    struct inode inode;
    struct entry entry;
    int error = name_check(name, text);

    if (error == 0)
        error = inode_read(fs, folder, &inode);
    if (error != 0)
        return error;
    if (!inode_is(&inode, LINUX_S_IFDIR))
        return ENOTDIR;
    if (inode.large.i_links_count == 0)
        return ENOENT; /* it was removed, and somebody has it open */
    error = names_find(fs, folder, text, &entry);
    return error == 0 ? EEXIST : error == ENOENT ? 0 : error;
}

static int make_file(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                     const struct ext4_attributes *as, ext4_ino *ino)
{
    const uint32_t type = as->mode & LINUX_S_IFMT;
    char text[EXT4_NAME + 1];
    struct inode inode;
    int error = check_free(fs, folder, name, text);

    if (error == 0 && (type == LINUX_S_IFDIR || type == LINUX_S_IFLNK || type == 0))
        error = EINVAL;
    if (error == 0)
        error = inode_make(fs, folder, as, type, 1, ino, &inode);
    if (error == 0 && (type == LINUX_S_IFCHR || type == LINUX_S_IFBLK)) {
        inode.large.i_block[as->device > UINT16_MAX] = as->device;
        error = inode_write(fs, *ino, &inode);
    }
    if (error == 0)
        error = names_add(fs, folder, text, *ino, type);
    return error != 0 ? error : folder_changed(fs, folder, 0);
}

/* A block for a new folder or link. */
static int first_block(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t size,
                       struct run *run)
{
    int error;

    *run = (struct run){.count = 1};
    error = map_fill(fs, ino, inode, run);
    if (error == 0)
        error =
            problem_of(fs, ext2fs_inode_size_set(fs->lib, inode_small(inode), (ext2_off64_t)size),
                       "inode");
    return error != 0 ? error : inode_write(fs, ino, inode);
}

static int make_folder(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                       const struct ext4_attributes *as, ext4_ino *ino)
{
    char text[EXT4_NAME + 1];
    struct inode inode;
    struct run run;
    char *block = NULL;
    int error = check_free(fs, folder, name, text);

    if (error == 0)
        error = inode_make(fs, folder, as, LINUX_S_IFDIR, 2, ino, &inode);
    if (error == 0)
        error = first_block(fs, *ino, &inode, fs->block_size, &run);
    if (error == 0)
        error = problem_of(fs, ext2fs_new_dir_block(fs->lib, *ino, folder, &block), "folder");
    if (error == 0)
        error = problem_of(fs, ext2fs_write_dir_block4(fs->lib, run.physical, block, 0, *ino),
                           "folder");
    free(block);
    if (error == 0)
        error = names_add(fs, folder, text, *ino, LINUX_S_IFDIR);
    return error != 0 ? error : folder_changed(fs, folder, +1);
}

static int write_target(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct ext4_name target)
{
    uint8_t *block;
    struct run run;
    int error;

    if (target.length < sizeof(inode->large.i_block)) {
        memcpy(inode->large.i_block, target.text, target.length);
        inode->large.i_size = (uint32_t)target.length;
        return inode_write(fs, ino, inode);
    }
    if (ext2fs_has_feature_extents(fs->lib->super))
        inode->large.i_flags |= EXT4_EXTENTS_FL;
    error = first_block(fs, ino, inode, target.length, &run);
    block = calloc(1, fs->block_size);
    if (error == 0 && block == NULL)
        error = ENOMEM;
    if (error == 0) {
        memcpy(block, target.text, target.length);
        error = transaction_write(fs, run.physical, block);
    }
    free(block);
    return error;
}

static int make_symlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                        const struct ext4_attributes *as, struct ext4_name target, ext4_ino *ino)
{
    char text[EXT4_NAME + 1];
    struct inode inode;
    int error = check_free(fs, folder, name, text);

    if (error == 0 && (target.length == 0 || memchr(target.text, 0, target.length) != NULL))
        error = target.length == 0 ? ENOENT : EINVAL;
    if (error == 0 && target.length >= fs->block_size)
        error = ENAMETOOLONG;
    if (error == 0)
        error = inode_make(fs, folder, as, LINUX_S_IFLNK, 1, ino, &inode);
    if (error == 0)
        error = write_target(fs, *ino, &inode, target);
    if (error == 0)
        error = names_add(fs, folder, text, *ino, LINUX_S_IFLNK);
    return error != 0 ? error : folder_changed(fs, folder, 0);
}

static int make_link(struct ext4 *fs, ext4_ino ino, ext4_ino folder, struct ext4_name name)
{
    char text[EXT4_NAME + 1];
    struct inode inode;
    int error = inode_read(fs, ino, &inode);

    if (error == 0 && inode.large.i_links_count == 0)
        error = ENOENT;
    if (error == 0 && inode_is(&inode, LINUX_S_IFDIR))
        error = EPERM;
    if (error == 0 && inode.large.i_links_count >= LINKS_MOST)
        error = EMLINK;
    if (error == 0)
        error = check_free(fs, folder, name, text);
    if (error == 0) {
        inode.large.i_links_count++;
        inode_touch(fs, &inode, false);
        error = inode_write(fs, ino, &inode);
    }
    if (error == 0)
        error = names_add(fs, folder, text, ino, inode.large.i_mode);
    return error != 0 ? error : folder_changed(fs, folder, 0);
}

/* ---- as operations ---- */

int ext4_create(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                const struct ext4_attributes *as, ext4_ino *ino)
{
    AS_NAMES_OPERATION(fs, make_file(fs, folder, name, as, ino));
}

int ext4_mkdir(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
               const struct ext4_attributes *as, ext4_ino *ino)
{
    AS_NAMES_OPERATION(fs, make_folder(fs, folder, name, as, ino));
}

int ext4_symlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                 const struct ext4_attributes *as, struct ext4_name target, ext4_ino *ino)
{
    AS_NAMES_OPERATION(fs, make_symlink(fs, folder, name, as, target, ino));
}

int ext4_link(struct ext4 *fs, ext4_ino ino, ext4_ino folder, struct ext4_name name)
{
    AS_NAMES_OPERATION(fs, make_link(fs, ino, folder, name));
}
