/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of orphans, as Linux has it: inodes that the next mount has to free, or to cut at their size, if power fails before it is done here. It begins in the
 * superblock and goes on in what is else the time of deletion. Also who holds an inode open.
 */
#include "ext4_impl.h"

static bool is_number(struct ext4 *fs, ext4_ino ino)
{
    return ino >= EXT2_FIRST_INODE(fs->lib->super) && ino <= fs->lib->super->s_inodes_count;
}

static int damaged(struct ext4 *fs)
{
    (void)problem_set(fs, EBADMSG, "list of orphans", "damaged");
    return EBADMSG;
}

/* The inode before `ino` in the list, 0 for the superblock; ENOENT: it is not there. */
static int find_before(struct ext4 *fs, ext4_ino ino, ext4_ino *before, struct inode *inode)
{
    ext4_ino at = fs->lib->super->s_last_orphan;

    *before = 0;
    for (uint32_t steps = 0; at != 0 && at != ino; steps++) {
        int error;

        if (!is_number(fs, at) || steps > fs->lib->super->s_inodes_count)
            return damaged(fs);
        error = inode_read(fs, at, inode);
        if (error != 0)
            return error;
        *before = at;
        at = inode->large.i_dtime;
    }
    return at == ino && ino != 0 ? 0 : ENOENT;
}

int orphans_find(struct ext4 *fs, ext4_ino ino)
{
    struct inode inode;
    ext4_ino before;

    return find_before(fs, ino, &before, &inode);
}

int orphans_add(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    struct inode other;
    ext4_ino before;
    const int error = find_before(fs, ino, &before, &other);

    if (error == ENOENT) {
        inode->large.i_dtime = fs->lib->super->s_last_orphan;
        fs->lib->super->s_last_orphan = ino;
    } else if (error != 0) {
        return error;
    }
    return inode_write(fs, ino, inode);
}

int orphans_remove(struct ext4 *fs, ext4_ino ino, struct inode *inode)
{
    struct inode other;
    ext4_ino before;
    int error = find_before(fs, ino, &before, &other);

    if (error != 0)
        return error == ENOENT ? damaged(fs) : error;
    if (before == 0) {
        fs->lib->super->s_last_orphan = inode->large.i_dtime;
    } else {
        other.large.i_dtime = inode->large.i_dtime;
        error = inode_write(fs, before, &other);
    }
    inode->large.i_dtime = 0;
    return error != 0 ? error : inode_write(fs, ino, inode);
}

int ext4_is_file(struct ext4 *fs, ext4_ino ino)
{
    struct inode inode;
    int error;

    if (ino != EXT4_ROOT && !is_number(fs, ino))
        return ENOENT;
    error = inode_read(fs, ino, &inode);
    if (error != 0 || inode.large.i_links_count > 0)
        return error;
    error = orphans_find(fs, ino);
    return error == ENOENT ? ESTALE : error;
}

/* The first of the list that nobody holds; 0: there is none. */
static int first_free(struct ext4 *fs, ext4_ino *ino, struct inode *inode)
{
    *ino = fs->lib->super->s_last_orphan;
    for (uint32_t steps = 0; *ino != 0; steps++) {
        int error;

        if (!is_number(fs, *ino) || !ext2fs_test_inode_bitmap2(fs->lib->inode_map, *ino) ||
            steps > fs->lib->super->s_inodes_count)
            return damaged(fs);
        error = inode_read(fs, *ino, inode);
        if (error != 0 || !hold_has(fs, *ino))
            return error;
        *ino = inode->large.i_dtime;
    }
    return 0;
}

int ext4_free_orphans(struct ext4 *fs)
{
    struct inode inode;
    ext4_ino ino, last = 0;
    int error;

    if (fs->read_only)
        return 0;
    while ((error = first_free(fs, &ino, &inode)) == 0 && ino != 0) {
        if (ino == last)
            return damaged(fs); /* it is on the list twice */
        last = ino;
        error =
            inode.large.i_links_count == 0 ? truncate_delete(fs, ino) : truncate_finish(fs, ino);
        if (error != 0)
            return error;
    }
    return error;
}

/* ---- holds ---- */

static struct hold **find_hold(const struct ext4 *fs, ext4_ino ino)
{
    struct hold *const *link = &fs->holds[ino % (sizeof(fs->holds) / sizeof(fs->holds[0]))];

    while (*link != NULL && (*link)->ino != ino)
        link = &(*link)->next;
    return (struct hold **)link;
}

bool hold_has(const struct ext4 *fs, ext4_ino ino)
{
    return *find_hold(fs, ino) != NULL;
}

int ext4_reserve_hold(struct ext4 *fs)
{
    if (fs->spare_hold == NULL)
        fs->spare_hold = calloc(1, sizeof(*fs->spare_hold));
    return fs->spare_hold != NULL ? 0 : ENOMEM;
}

int ext4_hold(struct ext4 *fs, ext4_ino ino)
{
    struct hold **link = find_hold(fs, ino);

    if (*link == NULL) {
        const int error = ext4_reserve_hold(fs);

        if (error != 0)
            return error;
        *link = fs->spare_hold;
        fs->spare_hold = NULL;
        (*link)->ino = ino;
    }
    (*link)->count++;
    return 0;
}

int ext4_release(struct ext4 *fs, ext4_ino ino)
{
    struct hold **link = find_hold(fs, ino);
    struct hold *hold = *link;
    struct inode inode;
    int error;

    if (hold == NULL)
        return EINVAL;
    if (--hold->count > 0)
        return 0;
    *link = hold->next;
    free(hold);
    error = inode_read(fs, ino, &inode);
    if (error != 0 || inode.large.i_links_count > 0 || fs->read_only)
        return error;
    return truncate_delete(fs, ino);
}

void holds_empty(struct ext4 *fs)
{
    free(fs->spare_hold);
    fs->spare_hold = NULL;
    for (unsigned i = 0; i < sizeof(fs->holds) / sizeof(fs->holds[0]); i++)
        while (fs->holds[i] != NULL) {
            struct hold *next = fs->holds[i]->next;

            free(fs->holds[i]);
            fs->holds[i] = next;
        }
}
