/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of one folder: finding, adding, changing and removing a name, in one block when it is remembered where names lie (folder_index.c), else block by block. libext2fs keeps a folder's
 * index when there is one on the card.
 */
#include "ext4_impl.h"
#include <ext2fs/ext2fsP.h>

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

errcode_t names_try_block(struct ext4 *fs, ext4_ino folder, uint64_t number, names_visit_fn *visit,
                          void *context)
{
    struct dir_context directory = {.dir = folder,
                                    .flags = DIRENT_FLAG_INCLUDE_EMPTY,
                                    .buf = malloc(fs->block_size),
                                    .func = visit,
                                    .priv_data = context};
    blk64_t block = number;

    if (directory.buf == NULL)
        return ENOMEM;
    (void)ext2fs_process_dir_block(fs->lib, &block, 1, 0, 0, &directory);
    free(directory.buf);
    return directory.errcode;
}

int names_visit_block(struct ext4 *fs, ext4_ino folder, uint64_t number, names_visit_fn *visit,
                      void *context)
{
    return problem_of(fs, names_try_block(fs, folder, number, visit, context), "folder");
}

/* ---- finding ---- */

struct search {
    const char *name;
    size_t length;
    bool found;
    struct entry entry;
    bool replace;
    struct entry by;
    struct ext2_dir_entry *before; /* the entry before the one that is looked at */
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

/* In the blocks where the name can be; *block: where it was found. */
static int search_index(struct ext4 *fs, const struct folder_index *index, names_visit_fn *visit,
                        struct search *search, uint32_t *block)
{
    const uint32_t hash = folder_index_hash(search->name, search->length);
    uint32_t probe = 0;
    int error = 0;

    while (error == 0 && !search->found && folder_index_next(index, hash, &probe, block))
        error = names_visit_block(fs, index->folder, index->blocks[*block].number, visit, search);
    return error;
}

static int search_folder(struct ext4 *fs, ext4_ino folder, struct search *search)
{
    const struct folder_index *index = folder_index_of(fs, folder);
    uint32_t block;
    const int error = index != NULL ? search_index(fs, index, look, search, &block)
                                    : names_iterate(fs, folder, look, search);

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

struct addition {
    const char *name;
    uint32_t length, size; /* of the name, of its entry */
    ext4_ino ino;
    unsigned type;
    bool done;
};

/* Into an entry that is not used, or behind one that is longer than it has to be. */
static int add_here(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset, int size,
                    char *block, void *context)
{
    struct addition *addition = context;
    const uint32_t room = entry->rec_len;
    const uint32_t used =
        entry->inode != 0 ? (uint32_t)EXT2_DIR_REC_LEN(ext2fs_dirent_name_len(entry)) : 0;

    (void)folder;
    (void)what;
    (void)offset;
    (void)size;
    (void)block;
    if (room < used + addition->size)
        return 0;
    if (used != 0) {
        entry->rec_len = (uint16_t)used;
        entry = (struct ext2_dir_entry *)((char *)entry + used);
        entry->rec_len = (uint16_t)(room - used);
    }
    entry->inode = addition->ino;
    entry->name_len = (uint16_t)addition->length;
    if (addition->type != 0)
        ext2fs_dirent_set_file_type(entry, (int)addition->type);
    memcpy(entry->name, addition->name, addition->length);
    addition->done = true;
    return DIRENT_ABORT | DIRENT_CHANGED;
}

/* Into the first of the blocks from `from` on that has room for it. */
static int add_to_block(struct ext4 *fs, struct folder_index *index, uint32_t from,
                        struct addition *addition)
{
    for (uint32_t i = from; i < index->block_count; i++) {
        struct folder_block *block = &index->blocks[i];
        int error;

        if (block->fits < addition->size)
            continue;
        error = names_visit_block(fs, index->folder, block->number, add_here, addition);
        if (error != 0)
            return error;
        if (addition->done) {
            folder_index_add(fs, index, folder_index_hash(addition->name, addition->length), i);
            return 0;
        }
        block->fits = addition->size - 1;
    }
    return 0;
}

/* The block that the folder has become longer by. *noted: it is remembered. */
static int note_expansion(struct ext4 *fs, struct folder_index *index, bool *noted)
{
    struct inode inode;
    struct run run;
    int error = inode_read(fs, index->folder, &inode);

    if (error == 0)
        error = map_find(fs, index->folder, &inode, EXT2_I_SIZE(&inode.large) / fs->block_size - 1,
                         1, &run);
    if (error == 0 && run.physical == 0)
        error = problem_set(fs, EBADMSG, "folder", "a block that was there is gone");
    *noted = error == 0 && folder_index_add_block(fs, index, run.physical);
    return error;
}

static int add_to_index(struct ext4 *fs, struct folder_index *index, struct addition *addition)
{
    const uint32_t count = index->block_count;
    const ext4_ino folder = index->folder;
    bool noted = false;
    int error = add_to_block(fs, index, 0, addition);

    if (error != 0 || addition->done)
        return error;
    error = problem_of(fs, ext2fs_expand_dir(fs->lib, folder), "folder");
    if (error == 0)
        error = note_expansion(fs, index, &noted);
    if (error != 0)
        return error;
    if (!noted)
        return problem_of(fs,
                          ext2fs_link(fs->lib, folder, addition->name, addition->ino,
                                      (int)addition->type),
                          "folder");
    error = add_to_block(fs, index, count, addition);
    return error == 0 && !addition->done ? ENOSPC : error;
}

int names_add(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino ino, uint32_t mode)
{
    const int type = (int)type_of(fs, mode);
    struct folder_index *index = folder_index_of(fs, folder);
    struct addition addition = {.name = name,
                                .length = (uint32_t)strlen(name),
                                .ino = ino,
                                .type = (unsigned)type};
    struct inode inode;
    errcode_t result;
    int error;

    addition.size = (uint32_t)EXT2_DIR_REC_LEN(addition.length);
    if (index != NULL)
        return add_to_index(fs, index, &addition);
    result = ext2fs_link(fs->lib, folder, name, ino, type);
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

/* The entry before it becomes longer; one at the beginning of a block stays, without an inode. */
static int remove_here(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset,
                       int size, char *block, void *context)
{
    struct search *search = context;
    struct ext2_dir_entry *before = search->before;

    (void)folder;
    (void)what;
    (void)size;
    (void)block;
    search->before = entry;
    if (!is_name(entry, search))
        return 0;
    if (offset == 0)
        entry->inode = 0;
    else
        before->rec_len = (uint16_t)(before->rec_len + entry->rec_len);
    search->found = true;
    return DIRENT_ABORT | DIRENT_CHANGED;
}

int names_remove(struct ext4 *fs, ext4_ino folder, const char *name)
{
    struct folder_index *index = folder_index_of(fs, folder);
    struct search search = {.name = name, .length = strlen(name)};
    uint32_t block;
    int error;

    if (index == NULL)
        return problem_of(fs, ext2fs_unlink(fs->lib, folder, name, 0, 0), "folder");
    error = search_index(fs, index, remove_here, &search, &block);
    if (error == 0 && search.found)
        folder_index_remove(fs, index, folder_index_hash(name, search.length), block);
    return error != 0 ? error : search.found ? 0 : ENOENT;
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
