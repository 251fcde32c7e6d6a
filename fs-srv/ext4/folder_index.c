/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What names a folder of several blocks has, in memory: for each the block that it lies in, by a hash, and for each block what may fit there. So a name is looked for, added
 * and taken away in one block. A few folders are remembered; not those that have an index on the card, in which libext2fs moves names.
 *
 * N1 Each name of a folder that is remembered is in the table. What else is there costs a look at a block, and no more.
 * N2 What was remembered of a folder while an operation changed it is forgotten when that is undone.
 * N3 Without memory nothing is remembered, and nothing fails.
 */
#include "ext4_impl.h"

enum {
    PLACES_LEAST = 256,    /* a power of two */
    PLACES_MOST = 1 << 17, /* of one folder */
};

uint32_t folder_index_hash(const char *name, size_t length)
{
    uint32_t hash = 0x811c9dc5;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x01000193;
    return hash ^ hash >> 15;
}

static void forget(struct folder_index *index)
{
    free(index->places);
    free(index->blocks);
    *index = (struct folder_index){0};
}

void folder_index_forget(struct ext4 *fs, ext4_ino folder)
{
    for (unsigned i = 0; i < FOLDER_INDEXES; i++)
        if (fs->indexes[i].folder == folder)
            forget(&fs->indexes[i]);
}

void folder_index_forget_all(struct ext4 *fs)
{
    for (unsigned i = 0; i < FOLDER_INDEXES; i++)
        forget(&fs->indexes[i]);
}

void folder_index_undo(struct ext4 *fs)
{
    for (unsigned i = 0; i < FOLDER_INDEXES; i++)
        if (fs->indexes[i].folder != 0 && fs->indexes[i].operation == fs->transaction.operation)
            forget(&fs->indexes[i]);
}

/* ---- the table ---- */

static void put(struct folder_index *index, uint32_t hash, uint32_t block)
{
    uint32_t at = hash;

    while (index->places[at &= index->places_room - 1].block != 0)
        at++;
    index->places[at] = (struct name_place){hash, block + 1};
    index->places_count++;
}

/* Room for one more. */
static bool make_room(struct folder_index *index)
{
    const struct folder_index before = *index;
    const uint32_t room = before.places_room == 0 ? PLACES_LEAST : 2 * before.places_room;

    if (before.places_count < before.places_room / 4 * 3)
        return true;
    if (room > PLACES_MOST)
        return false;
    index->places = calloc(room, sizeof(*index->places));
    if (index->places == NULL) {
        index->places = before.places;
        return false;
    }
    index->places_room = room;
    index->places_count = 0;
    for (uint32_t i = 0; i < before.places_room; i++)
        if (before.places[i].block != 0)
            put(index, before.places[i].hash, before.places[i].block - 1);
    free(before.places);
    return true;
}

bool folder_index_next(const struct folder_index *index, uint32_t hash, uint32_t *probe,
                       uint32_t *block)
{
    for (;; ++*probe) {
        const struct name_place *place = &index->places[(hash + *probe) & (index->places_room - 1)];

        if (place->block == 0)
            return false;
        if (place->hash == hash) {
            *block = place->block - 1;
            ++*probe;
            return true;
        }
    }
}

static void changed(struct ext4 *fs, struct folder_index *index)
{
    index->operation = fs->transaction.operation;
}

void folder_index_add(struct ext4 *fs, struct folder_index *index, uint32_t hash, uint32_t block)
{
    changed(fs, index);
    if (make_room(index))
        put(index, hash, block);
    else
        forget(index);
}

/* Those that follow, up to a free place, move back where they are found from their own. */
static void take_out(struct folder_index *index, uint32_t at)
{
    const uint32_t mask = index->places_room - 1;
    uint32_t next = at;

    index->places_count--;
    for (;;) {
        index->places[at].block = 0;
        do {
            next = (next + 1) & mask;
            if (index->places[next].block == 0)
                return;
        } while (((next - index->places[next].hash) & mask) < ((next - at) & mask));
        index->places[at] = index->places[next];
        at = next;
    }
}

void folder_index_remove(struct ext4 *fs, struct folder_index *index, uint32_t hash, uint32_t block)
{
    const uint32_t mask = index->places_room - 1;

    changed(fs, index);
    index->blocks[block].fits = fs->block_size;
    for (uint32_t at = hash & mask; index->places[at].block != 0; at = (at + 1) & mask)
        if (index->places[at].hash == hash && index->places[at].block == block + 1) {
            take_out(index, at);
            return;
        }
}

/* ---- blocks ---- */

bool folder_index_add_block(struct ext4 *fs, struct folder_index *index, uint64_t physical)
{
    const uint32_t count = index->block_count;

    changed(fs, index);
    if ((count & (count - 1)) == 0) { /* 0, or all of a power of two is in use */
        const uint32_t room = count == 0 ? 1 : 2 * count;
        struct folder_block *blocks = realloc(index->blocks, room * sizeof(*blocks));

        if (blocks == NULL)
            return false;
        index->blocks = blocks;
    }
    index->blocks[index->block_count++] = (struct folder_block){physical, fs->block_size};
    return true;
}

/* ---- making one ---- */

struct making {
    struct ext4 *fs;
    struct folder_index *index;
    bool failed;
    int error;
};

static int note_name(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset,
                     int size, char *block, void *context)
{
    struct making *making = context;
    const size_t length = (size_t)ext2fs_dirent_name_len(entry);

    (void)folder;
    (void)what;
    (void)offset;
    (void)size;
    (void)block;
    if (entry->inode == 0)
        return 0;
    if (!make_room(making->index)) {
        making->failed = true;
        return DIRENT_ABORT;
    }
    put(making->index, folder_index_hash(entry->name, length), making->index->block_count - 1);
    return 0;
}

static int note_block(ext2_filsys lib, blk64_t *block, e2_blkcnt_t logical, blk64_t in, int at,
                      void *context)
{
    struct making *making = context;

    (void)lib;
    (void)in;
    (void)at;
    if (logical < 0)
        return 0;
    if (!folder_index_add_block(making->fs, making->index, *block))
        making->failed = true;
    else
        making->error =
            names_visit_block(making->fs, making->index->folder, *block, note_name, making);
    return making->failed || making->error != 0 ? BLOCK_ABORT : 0;
}

static bool is_worth_it(struct ext4 *fs, ext4_ino folder)
{
    struct inode inode;

    return inode_read(fs, folder, &inode) == 0 && inode_is(&inode, LINUX_S_IFDIR) &&
           (inode.large.i_flags & (EXT2_INDEX_FL | EXT4_INLINE_DATA_FL)) == 0 &&
           EXT2_I_SIZE(&inode.large) > fs->block_size;
}

struct folder_index *folder_index_of(struct ext4 *fs, ext4_ino folder)
{
    struct folder_index *oldest = &fs->indexes[0];
    struct making making = {.fs = fs};
    errcode_t result;

    for (unsigned i = 0; i < FOLDER_INDEXES; i++) {
        struct folder_index *index = &fs->indexes[i];

        if (index->folder == folder) {
            index->used = ++fs->index_uses;
            return index;
        }
        if (index->used < oldest->used)
            oldest = index;
    }
    if (!is_worth_it(fs, folder))
        return NULL;
    forget(oldest);
    *oldest = (struct folder_index){.folder = folder, .used = ++fs->index_uses};
    changed(fs, oldest);
    making.index = oldest;
    making.failed = !make_room(oldest);
    result = making.failed ? 0
                           : ext2fs_block_iterate3(fs->lib, folder, BLOCK_FLAG_READ_ONLY, NULL,
                                                   note_block, &making);
    if (result == 0 && making.error == 0 && !making.failed && oldest->block_count > 0)
        return oldest;
    forget(oldest);
    return NULL;
}
