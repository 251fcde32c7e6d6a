/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that take names away: unlink, rmdir, rename. An inode that loses its last name goes on the list of orphans in the same operation, and is freed after
 * it, unless somebody holds it.
 */
#include "ext4_impl.h"

/* A name of the inode has gone; *last: it was the last. */
static int drop_link(struct ext4 *fs, ext4_ino ino, struct inode *inode, bool *last)
{
    const bool folder = inode_is(inode, LINUX_S_IFDIR);

    if (!folder && inode->large.i_links_count == 0)
        return problem_set(fs, EBADMSG, "inode", "it has a name and no links");
    inode->large.i_links_count = folder ? 0 : (uint16_t)(inode->large.i_links_count - 1);
    inode_touch(fs, inode, false);
    *last = inode->large.i_links_count == 0;
    return *last ? orphans_add(fs, ino, inode) : inode_write(fs, ino, inode);
}

struct removal {
    ext4_ino ino;
    bool last;
};

/* After the operation. What fails here is done at the next mount. */
static void finish(struct ext4 *fs, const struct removal *removal)
{
    if (removal->last && !hold_has(fs, removal->ino))
        (void)truncate_delete(fs, removal->ino);
}

static int find(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino *ino,
                struct inode *inode)
{
    struct entry entry;
    int error = names_find(fs, folder, name, &entry);

    if (error != 0)
        return error;
    *ino = entry.ino;
    return inode_read(fs, entry.ino, inode);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int unlink_name(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                       struct removal *removal)
{
    char text[EXT4_NAME + 1];
    struct inode inode;
    int error = name_check(name, text);

    if (error == 0)
        error = find(fs, folder, text, &removal->ino, &inode);
    if (error == 0 && inode_is(&inode, LINUX_S_IFDIR))
        error = EISDIR;
    if (error == 0)
        error = names_remove(fs, folder, text);
    if (error == 0)
        error = drop_link(fs, removal->ino, &inode, &removal->last);
    return error != 0 ? error : folder_changed(fs, folder, 0);
}

static int check_empty(struct ext4 *fs, ext4_ino folder)
{
    bool empty;
    const int error = names_is_empty(fs, folder, &empty);

    return error != 0 ? error : empty ? 0 : ENOTEMPTY;
}

static int remove_folder(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                         struct removal *removal)
{
    char text[EXT4_NAME + 1];
    struct inode inode;
    int error = name_check(name, text);

    if (error == 0 && is_dots(text))
        error = text[1] ? ENOTEMPTY : EINVAL;
    if (error == 0)
        error = find(fs, folder, text, &removal->ino, &inode);
    if (error == 0 && !inode_is(&inode, LINUX_S_IFDIR))
        error = ENOTDIR;
    if (error == 0)
        error = check_empty(fs, removal->ino);
    if (error == 0)
        error = names_remove(fs, folder, text);
    if (error == 0)
        error = drop_link(fs, removal->ino, &inode, &removal->last);
    return error != 0 ? error : folder_changed(fs, folder, -1);
}

/* ---- rename ---- */

struct renaming {
    ext4_ino folder, new_folder;
    char name[EXT4_NAME + 1], new_name[EXT4_NAME + 1];
    ext4_ino ino, old; /* old: what the new name was, or 0 */
    struct inode inode, old_inode;
};

/* EINVAL: `folder` is or lies in `in`. */
static int check_outside(struct ext4 *fs, ext4_ino folder, ext4_ino in)
{
    for (uint32_t steps = 0; folder != EXT4_ROOT; steps++) {
        struct entry entry;
        int error;

        if (folder == in)
            return EINVAL;
        if (steps > fs->lib->super->s_inodes_count)
            return problem_set(fs, EBADMSG, "folder", "it is its own parent");
        error = names_find(fs, folder, "..", &entry);
        if (error != 0)
            return error;
        folder = entry.ino;
    }
    return 0;
}

static int check_names(struct ext4 *fs, struct renaming *r)
{
    struct inode parent;
    int error;

    if (is_dots(r->name) || is_dots(r->new_name))
        return EBUSY;
    error = find(fs, r->folder, r->name, &r->ino, &r->inode);
    if (error == 0)
        error = inode_read(fs, r->new_folder, &parent);
    if (error == 0 && parent.large.i_links_count == 0)
        error = ENOENT;
    if (error != 0)
        return error;
    error = find(fs, r->new_folder, r->new_name, &r->old, &r->old_inode);
    if (error == ENOENT) {
        r->old = 0;
        error = 0;
    }
    return error;
}

static int check_renaming(struct ext4 *fs, struct renaming *r)
{
    const bool folder = inode_is(&r->inode, LINUX_S_IFDIR);

    if (r->old != 0) {
        const bool old_folder = inode_is(&r->old_inode, LINUX_S_IFDIR);

        if (folder != old_folder)
            return folder ? ENOTDIR : EISDIR;
        if (old_folder) {
            const int error = check_empty(fs, r->old);

            if (error != 0)
                return error;
        }
    }
    return folder ? check_outside(fs, r->new_folder, r->ino) : 0;
}

static int change_names(struct ext4 *fs, struct renaming *r)
{
    const bool folder = inode_is(&r->inode, LINUX_S_IFDIR);
    int error;

    if (r->old != 0)
        error = names_replace(fs, r->new_folder, r->new_name, r->ino, r->inode.large.i_mode);
    else
        error = names_add(fs, r->new_folder, r->new_name, r->ino, r->inode.large.i_mode);
    if (error == 0)
        error = names_remove(fs, r->folder, r->name);
    if (error == 0 && folder && r->folder != r->new_folder)
        error = names_replace(fs, r->ino, "..", r->new_folder, LINUX_S_IFDIR);
    return error;
}

static int rename_name(struct ext4 *fs, struct renaming *r, struct removal *removal)
{
    int links, new_links;
    int error = check_names(fs, r);

    if (error != 0 || r->ino == r->old)
        return error;
    error = check_renaming(fs, r);
    if (error == 0)
        error = change_names(fs, r);
    if (error == 0) { /* its own blocks may have changed with ".." */
        error = inode_read(fs, r->ino, &r->inode);
        inode_touch(fs, &r->inode, false);
    }
    if (error == 0)
        error = inode_write(fs, r->ino, &r->inode);
    if (error == 0 && r->old != 0) {
        removal->ino = r->old;
        error = drop_link(fs, r->old, &r->old_inode, &removal->last);
    }
    if (error != 0)
        return error;
    links = inode_is(&r->inode, LINUX_S_IFDIR) ? -1 : 0;
    new_links = r->old != 0 ? 0 : -links;
    if (r->folder == r->new_folder)
        return folder_changed(fs, r->folder, links + new_links);
    error = folder_changed(fs, r->folder, links);
    return error != 0 ? error : folder_changed(fs, r->new_folder, new_links);
}

/* ---- as operations ---- */

static int as_unlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                     struct removal *removal)
{
    AS_NAMES_OPERATION(fs, unlink_name(fs, folder, name, removal));
}

static int as_rmdir(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                    struct removal *removal)
{
    AS_NAMES_OPERATION(fs, remove_folder(fs, folder, name, removal));
}

static int as_rename(struct ext4 *fs, struct renaming *r, struct removal *removal)
{
    AS_NAMES_OPERATION(fs, rename_name(fs, r, removal));
}

int ext4_unlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name)
{
    struct removal removal = {0};
    const int error = as_unlink(fs, folder, name, &removal);

    if (error == 0)
        finish(fs, &removal);
    return error;
}

int ext4_rmdir(struct ext4 *fs, ext4_ino folder, struct ext4_name name)
{
    struct removal removal = {0};
    const int error = as_rmdir(fs, folder, name, &removal);

    if (error == 0)
        finish(fs, &removal);
    return error;
}

int ext4_rename(struct ext4 *fs, ext4_ino folder, struct ext4_name name, ext4_ino new_folder,
                struct ext4_name new_name)
{
    struct removal removal = {0};
    struct renaming renaming = {.folder = folder, .new_folder = new_folder};
    int error = name_check(name, renaming.name);

    if (error == 0)
        error = name_check(new_name, renaming.new_name);
    if (error == 0)
        error = as_rename(fs, &renaming, &removal);
    if (error == 0)
        finish(fs, &removal);
    return error;
}
