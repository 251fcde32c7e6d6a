/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inodes: reading, writing and making them; their times and what users see of them.
 */
#include "ext4_impl.h"
#include <ext2fs/ext3_extents.h>
#include <stddef.h>

/* libext2fs takes memory for as many levels as the inode says. */
static bool is_too_deep(const struct inode *inode)
{
    const struct ext3_extent_header *header = (const void *)inode->large.i_block;

    return (inode->large.i_flags & EXT4_EXTENTS_FL) &&
           ext2fs_le16_to_cpu(header->eh_depth) > EXTENT_DEPTH;
}

/* Neighbours are often wanted next: they come with it. */
static void read_around(struct ext4 *fs, ext4_ino ino)
{
    const struct ext2_super_block *super = fs->lib->super;
    const uint32_t group = (uint32_t)ext2fs_group_of_ino(fs->lib, ino);
    const uint64_t table = ext2fs_inode_table_loc(fs->lib, group);
    const uint32_t most = INODES_AHEAD / fs->block_size;
    const uint32_t blocks = fs->lib->inode_blocks_per_group;
    const uint32_t at = (uint32_t)((ino - 1) % EXT2_INODES_PER_GROUP(super) *
                                   (uint64_t)EXT2_INODE_SIZE(super) / fs->block_size);
    uint32_t first;

    if (!fs->caching || most <= 1 || cache_find(fs, table + at) != NULL ||
        table < super->s_first_data_block || blocks > fs->blocks || table > fs->blocks - blocks)
        return;
    first = at / most * most;
    cache_read_ahead(fs, table + first, blocks - first < most ? blocks - first : most);
}

int inode_read(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    int error;

    memset(inode, 0, sizeof(*inode));
    if (ino == 0 || ino > fs->lib->super->s_inodes_count)
        return ENOENT;
    read_around(fs, ino);
    error =
        problem_of(fs,
                   ext2fs_read_inode_full(fs->lib, ino, inode_small(inode), sizeof(inode->large)),
                   "inode");
    if (error == 0 && is_too_deep(inode))
        error = problem_set(fs, EBADMSG, "inode", "its extents lie too deep");
    return error;
}

int inode_read_file(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    const int error = inode_read(fs, ino, inode);

    if (error != 0 || inode_is(inode, LINUX_S_IFREG))
        return error;
    return inode_is(inode, LINUX_S_IFDIR) ? EISDIR : EINVAL;
}

int inode_write(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    return problem_of(fs,
                      ext2fs_write_inode_full(fs->lib, ino, inode_small(inode),
                                              sizeof(inode->large)),
                      "inode");
}

bool inode_is(const struct inode *inode, uint32_t type)
{
    return (inode->large.i_mode & LINUX_S_IFMT) == type;
}

/* ---- times: 32 bits of seconds, and where the inode is long enough two more and nanoseconds ---- */

static bool has(const struct inode *inode, size_t offset)
{
    return (size_t)EXT2_GOOD_OLD_INODE_SIZE + inode->large.i_extra_isize >= offset + 4;
}

static struct ext4_time get_time(const struct inode *inode, uint32_t seconds, uint32_t extra,
                                 size_t offset)
{
    struct ext4_time time = {.seconds = (int32_t)seconds};

    if (has(inode, offset)) {
        time.seconds += (int64_t)(extra & 3) << 32;
        time.nanoseconds = extra >> 2;
    }
    return time;
}

static void put_time(const struct inode *inode, struct ext4_time time, uint32_t *seconds,
                     uint32_t *extra, size_t offset)
{
    *seconds = (uint32_t)time.seconds;
    if (has(inode, offset))
        *extra =
            time.nanoseconds << 2 | ((uint32_t)((time.seconds - (int32_t)time.seconds) >> 32) & 3);
}

#define GET_TIME(inode, name, more)                           \
    get_time(inode, (inode)->large.name, (inode)->large.more, \
             offsetof(struct ext2_inode_large, more))
#define PUT_TIME(inode, time, name, more)                             \
    put_time(inode, time, &(inode)->large.name, &(inode)->large.more, \
             offsetof(struct ext2_inode_large, more))

/* A board without a clock begins in 1970, and e2fsck takes times of deletion from then for links of the list of orphans. */
struct ext4_time ext4_now(struct ext4 *fs)
{
    const struct ext2_super_block *super = fs->lib->super;
    const uint32_t made = super->s_mkfs_time, written = super->s_wtime;
    const uint32_t least = made > written ? made : written;
    struct ext4_time now = {0};

    if (fs->clock != NULL)
        fs->clock(&now);
    else
        now.seconds = time(NULL);
    if (now.seconds < least)
        now = (struct ext4_time){.seconds = least};
    return now;
}

void inode_touch(struct ext4 *fs, struct inode *inode, bool modified)
{
    const struct ext4_time now = ext4_now(fs);

    PUT_TIME(inode, now, i_ctime, i_ctime_extra);
    if (modified)
        PUT_TIME(inode, now, i_mtime, i_mtime_extra);
}

void inode_touch_at(struct ext4 *fs, struct inode *inode, struct ext4_time modified)
{
    inode_touch(fs, inode, false);
    PUT_TIME(inode, modified, i_mtime, i_mtime_extra);
}

/* ---- new inodes ---- */

static void set_owner(struct inode *inode, uint32_t uid, uint32_t gid)
{
    inode->large.i_uid = (uint16_t)uid;
    inode->large.osd2.linux2.l_i_uid_high = (uint16_t)(uid >> 16);
    inode->large.i_gid = (uint16_t)gid;
    inode->large.osd2.linux2.l_i_gid_high = (uint16_t)(gid >> 16);
}

static int begin_map(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    ext2_extent_handle_t handle;
    errcode_t result;

    if (!ext2fs_has_feature_extents(fs->lib->super))
        return 0;
    inode->large.i_flags |= EXT4_EXTENTS_FL;
    result = ext2fs_extent_open2(fs->lib, ino, inode_small(inode), &handle);
    if (result == 0)
        ext2fs_extent_free(handle);
    return problem_of(fs, result, "extents");
}

int inode_make(struct ext4 *fs, ext4_ino folder, const struct ext4_attributes *as, uint32_t type,
               uint32_t links, ext4_ino *ino, struct inode *inode)
{
    const size_t size = EXT2_INODE_SIZE(fs->lib->super);
    const struct ext4_time now = ext4_now(fs);
    uint8_t *whole;
    int error = changes_allocate_inode(fs, folder, type | (as->mode & 07777), ino);

    if (error != 0)
        return error;
    read_around(fs, *ino);
    memset(inode, 0, sizeof(*inode));
    if (size > EXT2_GOOD_OLD_INODE_SIZE)
        inode->large.i_extra_isize = sizeof(inode->large) - EXT2_GOOD_OLD_INODE_SIZE;
    inode->large.i_mode = (uint16_t)(type | (as->mode & 07777));
    inode->large.i_links_count = (uint16_t)links;
    inode->large.i_generation = (uint32_t)now.seconds + *ino;
    set_owner(inode, as->uid, as->gid);
    inode_touch(fs, inode, true);
    PUT_TIME(inode, now, i_atime, i_atime_extra);
    PUT_TIME(inode, now, i_crtime, i_crtime_extra);
    if (type == LINUX_S_IFREG || type == LINUX_S_IFDIR)
        error = begin_map(fs, *ino, inode);
    whole = calloc(1, size);
    if (error != 0 || whole == NULL) {
        free(whole);
        return error != 0 ? error : ENOMEM;
    }
    memcpy(whole, &inode->large, size < sizeof(inode->large) ? size : sizeof(inode->large));
    error =
        problem_of(fs,
                   ext2fs_write_inode_full(fs->lib, *ino, (struct ext2_inode *)whole, (int)size),
                   "inode");
    free(whole);
    return error;
}

/* ---- attributes ---- */

int ext4_get_attributes(struct ext4 *fs, ext4_ino ino, struct ext4_attributes *attributes)
{
    struct inode inode;
    const int error = inode_read(fs, ino, &inode);
    const struct ext2_inode_large *large = &inode.large;

    if (error != 0)
        return error;
    *attributes = (struct ext4_attributes){
        .ino = ino,
        .mode = large->i_mode,
        .links = large->i_links_count,
        .uid = large->i_uid | (uint32_t)large->osd2.linux2.l_i_uid_high << 16,
        .gid = large->i_gid | (uint32_t)large->osd2.linux2.l_i_gid_high << 16,
        .size = EXT2_I_SIZE(large),
        .sectors = ext2fs_get_stat_i_blocks(fs->lib, inode_small(&inode)),
        .accessed = GET_TIME(&inode, i_atime, i_atime_extra),
        .modified = GET_TIME(&inode, i_mtime, i_mtime_extra),
        .changed = GET_TIME(&inode, i_ctime, i_ctime_extra),
        .created = {.seconds = 0},
    };
    if (has(&inode, offsetof(struct ext2_inode_large, i_crtime)))
        attributes->created = GET_TIME(&inode, i_crtime, i_crtime_extra);
    if (inode_is(&inode, LINUX_S_IFCHR) || inode_is(&inode, LINUX_S_IFBLK))
        attributes->device = large->i_block[0] ? large->i_block[0] : large->i_block[1];
    return 0;
}

static int set_attributes(struct ext4 *fs, ext4_ino ino, unsigned which,
                          const struct ext4_attributes *attributes)
{
    struct inode inode;
    const int error = inode_read(fs, ino, &inode);
    uint32_t uid = inode.large.i_uid | (uint32_t)inode.large.osd2.linux2.l_i_uid_high << 16;
    uint32_t gid = inode.large.i_gid | (uint32_t)inode.large.osd2.linux2.l_i_gid_high << 16;

    if (error != 0)
        return error;
    if (inode.large.i_links_count == 0 && !hold_has(fs, ino))
        return ENOENT;
    if (which & EXT4_SET_MODE)
        inode.large.i_mode =
            (uint16_t)((inode.large.i_mode & LINUX_S_IFMT) | (attributes->mode & 07777));
    if (which & EXT4_SET_UID)
        uid = attributes->uid;
    if (which & EXT4_SET_GID)
        gid = attributes->gid;
    set_owner(&inode, uid, gid);
    inode_touch(fs, &inode, false);
    if (which & EXT4_SET_ACCESSED)
        PUT_TIME(&inode, attributes->accessed, i_atime, i_atime_extra);
    if (which & EXT4_SET_MODIFIED)
        PUT_TIME(&inode, attributes->modified, i_mtime, i_mtime_extra);
    return inode_write(fs, ino, &inode);
}

int ext4_set_attributes(struct ext4 *fs, ext4_ino ino, unsigned which,
                        const struct ext4_attributes *attributes)
{
    AS_OPERATION(fs, set_attributes(fs, ino, which, attributes));
}
