/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of one folder: finding, adding, changing and removing a name. libext2fs keeps a folder's index when there is one; names are looked for block by
 * block.
 */
#include "ext4_impl.h"

int name_check(struct ext4_name name, char text[EXT4_NAME + 1])
{
    if (name.length == 0)
        return ENOENT;
    if (name.length > EXT4_NAME)
        return ENAMETOOLONG;
    if (memchr(name.text, 0, name.length) != NULL || memchr(name.text, '/', name.length) != NULL)
        return EINVAL;
    memcpy(text, name.text, name.length);
    text[name.length] = 0;
    return 0;
}

/* ---- visiting ---- */

struct visit {
    names_visit_fn *visit;
    void *context;
    bool any;
};

static int pass_on(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset, int size,
                   char *block, void *context)
{
    struct visit *visit = context;

    visit->any = true;
    return visit->visit(folder, what, entry, offset, size, block, visit->context);
}

/* Each block has an entry. libext2fs 1.47 shows none, and no error, of a folder whose extents it cannot open. */
static int why_none(struct ext4 *fs, ext4_ino folder, struct inode *inode)
{
    struct run run;
    const int error = map_find(fs, folder, inode, 0, 1, &run);

    if (error != 0)
        return error;
    return run.physical != 0 ? ENOMEM : problem_set(fs, EBADMSG, "folder", "it has no entries");
}

int names_iterate(struct ext4 *fs, ext4_ino folder, names_visit_fn *function, void *context)
{
    struct visit visit = {.visit = function, .context = context};
    struct inode inode;
    int error = inode_read(fs, folder, &inode);

    if (error == 0)
        error = problem_of(fs,
                           ext2fs_dir_iterate2(fs->lib, folder, DIRENT_FLAG_INCLUDE_EMPTY, NULL,
                                               pass_on, &visit),
                           "folder");
    return error != 0 || visit.any ? error : why_none(fs, folder, &inode);
}

/* ---- finding ---- */

struct search {
    const char *name;
    size_t length;
    bool found;
    struct entry entry;
    bool replace;
    struct entry by;
};

static bool is_name(const struct ext2_dir_entry *entry, const struct search *search)
{
    return entry->inode != 0 && (size_t)ext2fs_dirent_name_len(entry) == search->length &&
           memcmp(entry->name, search->name, search->length) == 0;
}

static int look(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset, int size,
                char *block, void *context)
{
    struct search *search = context;

    (void)folder;
    (void)what;
    (void)offset;
    (void)size;
    (void)block;
    if (!is_name(entry, search))
        return 0;
    search->found = true;
    search->entry = (struct entry){entry->inode, (unsigned)ext2fs_dirent_file_type(entry)};
    if (!search->replace)
        return DIRENT_ABORT;
    entry->inode = search->by.ino;
    if (search->by.type != 0)
        ext2fs_dirent_set_file_type(entry, (int)search->by.type);
    return DIRENT_ABORT | DIRENT_CHANGED;
}

static int search_folder(struct ext4 *fs, ext4_ino folder, struct search *search)
{
    const int error = names_iterate(fs, folder, look, search);

    if (error != 0)
        return error;
    if (!search->found)
        return ENOENT;
    if (search->entry.ino > fs->lib->super->s_inodes_count ||
        (search->entry.ino < EXT2_FIRST_INODE(fs->lib->super) && search->entry.ino != EXT4_ROOT))
        return problem_set(fs, EBADMSG, "folder", "an entry has no inode");
    return 0;
}

int names_find(struct ext4 *fs, ext4_ino folder, const char *name, struct entry *entry)
{
    struct search search = {.name = name, .length = strlen(name)};
    const int error = search_folder(fs, folder, &search);

    *entry = search.entry;
    return error;
}

static unsigned type_of(struct ext4 *fs, uint32_t mode)
{
    static const uint8_t types[16] = {
        [LINUX_S_IFREG >> 12] = EXT2_FT_REG_FILE, [LINUX_S_IFDIR >> 12] = EXT2_FT_DIR,
        [LINUX_S_IFCHR >> 12] = EXT2_FT_CHRDEV,   [LINUX_S_IFBLK >> 12] = EXT2_FT_BLKDEV,
        [LINUX_S_IFIFO >> 12] = EXT2_FT_FIFO,     [LINUX_S_IFSOCK >> 12] = EXT2_FT_SOCK,
        [LINUX_S_IFLNK >> 12] = EXT2_FT_SYMLINK,
    };

    return ext2fs_has_feature_filetype(fs->lib->super) ? types[mode >> 12 & 15] : 0;
}

int names_replace(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino ino, uint32_t mode)
{
    struct search search = {.name = name,
                            .length = strlen(name),
                            .replace = true,
                            .by = {ino, type_of(fs, mode)}};

    return search_folder(fs, folder, &search);
}

/* ---- adding and removing ---- */

int names_add(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino ino, uint32_t mode)
{
    const int type = (int)type_of(fs, mode);
    errcode_t result = ext2fs_link(fs->lib, folder, name, ino, type);
    struct inode inode;
    int error;

    if (result != EXT2_ET_DIR_NO_SPACE)
        return problem_of(fs, result, "folder");
    error = inode_read(fs, folder, &inode);
    if (error != 0 || (inode.large.i_flags & EXT2_INDEX_FL))
        return error != 0 ? error : ENOSPC; /* the index is as deep as it can be */
    result = ext2fs_expand_dir(fs->lib, folder);
    if (result == 0)
        result = ext2fs_link(fs->lib, folder, name, ino, type);
    return problem_of(fs, result, "folder");
}

int names_remove(struct ext4 *fs, ext4_ino folder, const char *name)
{
    return problem_of(fs, ext2fs_unlink(fs->lib, folder, name, 0, 0), "folder");
}

static int count_other(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset,
                       int size, char *block, void *context)
{
    bool *empty = context;

    (void)folder;
    (void)offset;
    (void)size;
    (void)block;
    if (entry->inode == 0 || what == DIRENT_DOT_FILE || what == DIRENT_DOT_DOT_FILE)
        return 0;
    *empty = false;
    return DIRENT_ABORT;
}

int names_is_empty(struct ext4 *fs, ext4_ino folder, bool *empty)
{
    *empty = true;
    return names_iterate(fs, folder, count_other, empty);
}

int ext4_lookup(struct ext4 *fs, ext4_ino folder, struct ext4_name name, ext4_ino *ino)
{
    char text[EXT4_NAME + 1];
    struct entry entry;
    int error = name_check(name, text);

    if (error == 0)
        error = names_find(fs, folder, text, &entry);
    if (error == 0)
        *ino = entry.ino;
    return error;
}
