/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What names a folder of several blocks has, in memory: for each the block that it lies in, by a hash, and for each block what may fit there. So a name is looked for, added
 * and taken away in one block. Some folders are remembered, which share an amount of memory; not those that have an index on the card, in which libext2fs moves names.
 *
 * N1 Each name of a folder that is remembered is in the table. What else is there costs a look at a block, and no more.
 * N2 What was remembered of a folder while an operation changed it is forgotten when that is undone.
 * N3 Without memory nothing is remembered, and nothing fails.
 * N4 A folder of which too much would have to be remembered, or in which a block is bad, is refused: it is looked through, which finds what lies before that block, and
 *    remembering it is not tried again while it is known that it was refused.
 */
#include "ext4_impl.h"

enum {
    PLACES_LEAST = 256,    /* a power of two */
    PLACES_MOST = 1 << 17, /* of one folder */
    BLOCKS_MOST = 1 << 15, /* likewise */
    BYTES_MOST = 4 << 20,  /* of all */
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
    memset(index, 0, sizeof(*index));
}

/* N4 */
static void refuse(struct folder_index *index)
{
    const struct folder_index before = *index;

    forget(index);
    *index = (struct folder_index){.folder = before.folder,
                                   .used = before.used,
                                   .operation = before.operation,
                                   .refused = true};
}

static size_t size_of(const struct folder_index *index)
{
    return index->places_room * sizeof(*index->places) +
           index->blocks_room * sizeof(*index->blocks);
}

/* So many bytes more for one of them: others that were not used for the longest time are forgotten. */
static void make_room_beside(struct ext4 *fs, const struct folder_index *index, size_t more)
{
    for (;;) {
        struct folder_index *oldest = NULL;
        size_t all = more;

        for (unsigned i = 0; i < FOLDER_INDEXES; i++) {
            struct folder_index *other = &fs->indexes[i];

            all += size_of(other);
            if (other != index && size_of(other) != 0 && (!oldest || other->used < oldest->used))
                oldest = other;
        }
        if (all <= BYTES_MOST || !oldest)
            return;
        forget(oldest);
    }
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

/* Room for one more; else it is refused, or forgotten. */
static bool make_room(struct ext4 *fs, struct folder_index *index)
{
    const struct folder_index before = *index;
    const uint32_t room = before.places_room == 0 ? PLACES_LEAST : 2 * before.places_room;

    if (before.places_count < before.places_room / 4 * 3)
        return true;
    if (room > PLACES_MOST) {
        refuse(index);
        return false;
    }
    make_room_beside(fs, index, (room - before.places_room) * sizeof(*index->places));
    index->places = calloc(room, sizeof(*index->places));
    if (index->places == NULL) {
        index->places = before.places;
        forget(index);
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
    if (make_room(fs, index))
        put(index, hash, block);
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
    const uint32_t room = index->blocks_room == 0 ? 1 : 2 * index->blocks_room;

    changed(fs, index);
    if (index->block_count == BLOCKS_MOST) {
        refuse(index);
        return false;
    }
    if (index->block_count == index->blocks_room) {
        make_room_beside(fs, index, (room - index->blocks_room) * sizeof(*index->blocks));
        struct folder_block *blocks = realloc(index->blocks, room * sizeof(*blocks));

        if (blocks == NULL) {
            forget(index);
            return false;
        }
        index->blocks = blocks;
        index->blocks_room = room;
    }
    index->blocks[index->block_count++] = (struct folder_block){physical, fs->block_size};
    return true;
}

/* ---- making one ---- */

struct making {
    struct ext4 *fs;
    struct folder_index *index;
    bool ended; /* it is refused, or forgotten */
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
    if (!make_room(making->fs, making->index)) {
        making->ended = true;
        return DIRENT_ABORT;
    }
    put(making->index, folder_index_hash(entry->name, length), making->index->block_count - 1);
    return 0;
}

/* Of what is wrong nobody is told here: a search may not come to it. */
static int note_block(ext2_filsys lib, blk64_t *block, e2_blkcnt_t logical, blk64_t in, int at,
                      void *context)
{
    struct making *making = context;
    struct folder_index *index = making->index;
    errcode_t result;

    (void)lib;
    (void)in;
    (void)at;
    if (logical < 0)
        return 0;
    if (!folder_index_add_block(making->fs, index, *block)) {
        making->ended = true;
        return BLOCK_ABORT;
    }
    result = names_try_block(making->fs, index->folder, *block, note_name, making);
    if (result == 0 || making->ended)
        return making->ended ? BLOCK_ABORT : 0;
    if (result == ENOMEM || result == EXT2_ET_NO_MEMORY)
        forget(index);
    else
        refuse(index);
    making->ended = true;
    return BLOCK_ABORT;
}

static bool is_worth_it(struct ext4 *fs, ext4_ino folder)
{
    struct inode inode;

    return inode_read(fs, folder, &inode) == 0 && inode_is(&inode, LINUX_S_IFDIR) &&
           (inode.large.i_flags & (EXT2_INDEX_FL | EXT4_INLINE_DATA_FL)) == 0 &&
           EXT2_I_SIZE(&inode.large) > fs->block_size;
}

static struct folder_index *make(struct ext4 *fs, struct folder_index *index, ext4_ino folder)
{
    struct making making = {.fs = fs, .index = index};
    errcode_t result;

    forget(index);
    *index = (struct folder_index){.folder = folder, .used = ++fs->index_uses};
    changed(fs, index);
    if (!make_room(fs, index))
        return NULL;
    result =
        ext2fs_block_iterate3(fs->lib, folder, BLOCK_FLAG_READ_ONLY, NULL, note_block, &making);
    if (making.ended)
        return NULL;
    if (result == 0 && index->block_count > 0)
        return index;
    refuse(index);
    return NULL;
}

struct folder_index *folder_index_of(struct ext4 *fs, ext4_ino folder)
{
    struct folder_index *oldest = &fs->indexes[0];

    for (unsigned i = 0; i < FOLDER_INDEXES; i++) {
        struct folder_index *index = &fs->indexes[i];

        if (index->folder == folder) {
            index->used = ++fs->index_uses;
            return index->refused ? NULL : index;
        }
        if (index->used < oldest->used)
            oldest = index;
    }
    return is_worth_it(fs, folder) ? make(fs, oldest, folder) : NULL;
}
