/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing a folder from a cursor. In a folder without an index entries never move: a cursor is a place. In one with an index a block that is full is split, and
 * half of its entries move: there a cursor is a hash, and each call takes the entries with the next larger ones.
 */
#include "ext4_impl.h"

enum { BATCH = 64 };

struct found {
    uint64_t key;
    ext4_ino ino;
    uint8_t type, length;
    char name[EXT4_NAME];
};

struct listing {
    struct ext4 *fs;
    uint64_t cursor, block; /* block: bytes before this one */
    bool hashed;
    uint32_t count;
    struct found found[BATCH]; /* by key */
};

/* Past what has been there: 0 is the beginning, so keys begin with 1. */
static uint64_t hash_of(struct ext4 *fs, const struct ext2_dir_entry *entry, int length)
{
    const struct ext2_super_block *super = fs->lib->super;
    uint32_t major = 0, minor = 0;
    int version = super->s_def_hash_version;

    if (version <= EXT2_HASH_TEA && (super->s_flags & EXT2_FLAGS_UNSIGNED_HASH))
        version += 3;
    if (ext2fs_dirhash(version, entry->name, length, super->s_hash_seed, &major, &minor) != 0)
        return 3;
    return ((uint64_t)major << 32 | minor) / 2 + 3;
}

static void insert(struct listing *listing, const struct found *found)
{
    uint32_t at = listing->count;

    while (at > 0 && listing->found[at - 1].key > found->key)
        at--;
    if (at == BATCH)
        return;
    if (listing->count == BATCH)
        listing->count--;
    memmove(listing->found + at + 1, listing->found + at, (listing->count - at) * sizeof(*found));
    listing->found[at] = *found;
    listing->count++;
}

static int note(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset, int size,
                char *block, void *context)
{
    struct listing *listing = context;
    const int length = ext2fs_dirent_name_len(entry);
    struct found found = {.ino = entry->inode,
                          .type = (uint8_t)ext2fs_dirent_file_type(entry),
                          .length = (uint8_t)length};

    (void)folder;
    (void)block;
    if (offset == 0) /* of an empty one, too */
        listing->block += (uint64_t)size;
    if (entry->inode == 0 || length == 0)
        return 0;
    if (!listing->hashed)
        found.key = listing->block - (uint64_t)size + (uint64_t)offset + 1;
    else if (what == DIRENT_DOT_FILE || what == DIRENT_DOT_DOT_FILE)
        found.key = what == DIRENT_DOT_FILE ? 1 : 2;
    else
        found.key = hash_of(listing->fs, entry, length);
    if (found.key <= listing->cursor)
        return 0;
    memcpy(found.name, entry->name, found.length);
    if (listing->hashed) {
        insert(listing, &found);
        return 0;
    }
    listing->found[listing->count++] = found;
    return listing->count == BATCH ? DIRENT_ABORT : 0;
}

/* Entries with one hash come together, or the cursor between them would lose some: the last ones of a full batch wait for the next. */
static uint32_t safe_count(const struct listing *listing)
{
    uint32_t count = listing->count;

    if (!listing->hashed || count < BATCH)
        return count;
    while (count > 1 && listing->found[count - 1].key == listing->found[count - 2].key)
        count--;
    return count > 1 ? count - 1 : listing->count;
}

int ext4_readdir(struct ext4 *fs, ext4_ino folder, uint64_t cursor, ext4_entry_fn *entry,
                 void *context)
{
    struct listing *listing = malloc(sizeof(*listing));
    struct inode inode;
    bool more = true;
    int error = listing ? inode_read(fs, folder, &inode) : ENOMEM;

    while (error == 0 && more) {
        uint32_t count;

        *listing = (struct listing){.fs = fs, .cursor = cursor};
        listing->hashed = (inode.large.i_flags & EXT2_INDEX_FL) != 0;
        error = names_iterate(fs, folder, note, listing);
        count = error == 0 ? safe_count(listing) : 0;
        more = count > 0;
        for (uint32_t i = 0; i < count && more; i++) {
            const struct found *found = &listing->found[i];

            cursor = found->key;
            more = entry(context, (struct ext4_name){found->name, found->length}, found->ino,
                         found->type, cursor);
        }
    }
    free(listing);
    return error;
}
