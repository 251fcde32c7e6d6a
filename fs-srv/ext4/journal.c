/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal's inode and superblock. All that they say is checked: a journal that lies over other metadata, or twice over a block, would destroy the file system.
 */
#include "ext4_impl.h"
#include "journal_format.h"

static int damaged(struct ext4 *fs, const char *what)
{
    return problem_set(fs, EBADMSG, "journal", what);
}

static uint32_t super_checksum(const uint8_t *super)
{
    uint8_t copy[JOURNAL_SUPER];

    memcpy(copy, super, sizeof(copy));
    put32(copy + SUPER_CHECKSUM, 0);
    return ext2fs_crc32c_le(~0u, copy, sizeof(copy));
}

static bool has_checksums(const uint8_t *super)
{
    return (get32(super + SUPER_INCOMPATIBLE) & (FEATURE_CHECKSUM_2 | FEATURE_CHECKSUM_3)) != 0;
}

/* ---- where the journal lies ---- */

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

bool journal_holds(const struct journal *journal, uint64_t block)
{
    uint32_t low = 0, high = journal->run_count;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;

        if (block - journal->runs[middle].first < journal->runs[middle].count)
            return true;
        if (block < journal->runs[middle].first)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* The journal's blocks as runs in ascending order; false: a block is there twice, or there is no memory. */
static bool make_runs(struct journal *journal)
{
    struct ranges ranges = {0};

    if (journal->length == 0)
        return false; /* check_super() lets none such pass */
    uint64_t *sorted = malloc(journal->length * sizeof(*sorted));
    bool good = true;

    if (sorted == NULL)
        return false;
    memcpy(sorted, journal->blocks, journal->length * sizeof(*sorted));
    qsort(sorted, journal->length, sizeof(*sorted), compare);
    for (uint32_t i = 0; i < journal->length && good; i++)
        good = (i == 0 || sorted[i] != sorted[i - 1]) && ranges_add(&ranges, 0, sorted[i], 1);
    free(sorted);
    journal->runs = ranges.list;
    journal->run_count = ranges.count;
    return good;
}

static int find_blocks(struct ext4 *fs, struct inode *inode, ext4_ino ino)
{
    struct journal *journal = &fs->journal;
    uint64_t done = 0;

    while (done < journal->length) {
        struct run run;
        const int error = map_find(fs, ino, inode, done, journal->length - done, &run);

        if (error != 0)
            return error;
        if (run.physical == 0 || run.unwritten)
            return damaged(fs, "it has holes");
        for (uint64_t i = 0; i < run.count; i++)
            journal->blocks[done + i] = run.physical + i;
        done += run.count;
    }
    if (!make_runs(journal))
        return damaged(fs, "a block is there twice");
    return 0;
}

/* ---- the superblock ---- */

static int check_super(struct ext4 *fs, uint32_t blocks)
{
    struct journal *journal = &fs->journal;
    uint8_t *super = journal->super;
    const uint32_t type = get32(super + 4), features = get32(super + SUPER_INCOMPATIBLE);
    uint32_t fast = 0;

    if (get32(super) != JOURNAL_MAGIC || (type != JOURNAL_SUPER_1 && type != JOURNAL_SUPER_2))
        return damaged(fs, "no superblock");
    if (type == JOURNAL_SUPER_1) /* it ends there */
        memset(super + SUPER_COMPATIBLE, 0, JOURNAL_SUPER - SUPER_COMPATIBLE);
    else if ((features & ~(uint32_t)FEATURES_INCOMPATIBLE) != 0 ||
             get32(super + SUPER_READ_ONLY) != 0 ||
             (get32(super + SUPER_COMPATIBLE) & ~(uint32_t)FEATURE_CHECKSUM) != 0)
        return ENOTSUP;
    if ((features & FEATURE_CHECKSUM_2) && (features & FEATURE_CHECKSUM_3))
        return damaged(fs, "two kinds of checksums");
    if (type == JOURNAL_SUPER_2 && has_checksums(super) &&
        (super[SUPER_CHECKSUM_TYPE] != CHECKSUM_CRC32C ||
         get32(super + SUPER_CHECKSUM) != super_checksum(super)))
        return damaged(fs, "the superblock's checksum is wrong");
    if (type == JOURNAL_SUPER_2 && (features & FEATURE_FAST)) {
        fast = get32(super + SUPER_FAST_BLOCKS);
        fast = fast ? fast : 256;
    }
    journal->length = get32(super + SUPER_LENGTH);
    journal->first = get32(super + SUPER_FIRST);
    if (get32(super + SUPER_BLOCK_SIZE) != fs->block_size || journal->length > blocks ||
        journal->length < fast || journal->first == 0 || journal->length - fast <= journal->first)
        return damaged(fs, "sizes in the superblock are wrong");
    journal->length -= fast;
    if (journal->length > JOURNAL_BLOCKS_MOST)
        return ENOTSUP;
    if (journal->length - journal->first < 8)
        return damaged(fs, "it is too small");
    return 0;
}

/* What the features of the superblock mean for the log. */
static void take_features(struct journal *journal)
{
    const uint32_t features = get32(journal->super + SUPER_INCOMPATIBLE);

    journal->wide = (features & FEATURE_WIDE) != 0;
    journal->checksums = (features & FEATURE_CHECKSUM_3) != 0;
    journal->checksums_2 = (features & FEATURE_CHECKSUM_2) != 0;
    journal->asynchronous = (features & FEATURE_ASYNCHRONOUS) != 0;
    journal->checksums_old = (get32(journal->super + SUPER_COMPATIBLE) & FEATURE_CHECKSUM) != 0;
    journal->seed = ext2fs_crc32c_le(~0u, journal->super + SUPER_UUID, JOURNAL_UUID);
}

int journal_open(struct ext4 *fs)
{
    struct journal *journal = &fs->journal;
    const ext4_ino ino = fs->lib->super->s_journal_inum;
    struct inode inode;
    struct run run;
    uint8_t *block;
    uint64_t size;
    int error;

    if (!ext2fs_has_feature_journal(fs->lib->super))
        return ENOENT;
    if (ino == 0)
        return ENOTSUP; /* it is on another device */
    error = inode_read(fs, ino, &inode);
    if (error != 0)
        return error;
    size = EXT2_I_SIZE(&inode.large) / fs->block_size;
    if (!LINUX_S_ISREG(inode.large.i_mode) || inode.large.i_links_count == 0 || size < 2 ||
        size > UINT32_MAX || size > fs->blocks)
        return damaged(fs, "its inode is wrong");
    error = map_find(fs, ino, &inode, 0, 1, &run);
    if (error != 0)
        return error;
    block = malloc(fs->block_size);
    if (block == NULL)
        return ENOMEM;
    error = run.physical == 0 ? EBADMSG : device_read(fs, run.physical, 1, block);
    memcpy(journal->super, block, JOURNAL_SUPER);
    free(block);
    if (error == 0)
        error = check_super(fs, (uint32_t)size);
    if (error != 0)
        return error;
    journal->blocks = calloc(journal->length, sizeof(*journal->blocks));
    if (journal->blocks == NULL)
        return ENOMEM;
    take_features(journal);
    journal->sequence = get32(journal->super + SUPER_SEQUENCE);
    journal->head = journal->first;
    return find_blocks(fs, &inode, ino);
}

void journal_close(struct ext4 *fs)
{
    free(fs->journal.blocks);
    free(fs->journal.runs);
    fs->journal = (struct journal){0};
}

int journal_write_super(struct ext4 *fs, uint32_t start, uint32_t sequence)
{
    struct journal *journal = &fs->journal;
    uint8_t *super = journal->super;

    put32(super + SUPER_SEQUENCE, sequence);
    put32(super + SUPER_START, start);
    if (has_checksums(super))
        put32(super + SUPER_CHECKSUM, super_checksum(super));
    return fs->storage->operations->write(fs->storage, journal->blocks[0] * fs->block_size, super,
                                          JOURNAL_SUPER);
}

int journal_prepare(struct ext4 *fs)
{
    struct journal *journal = &fs->journal;
    uint8_t *super = journal->super;
    uint32_t features = FEATURE_REVOKE;

    if (journal->length < JOURNAL_BLOCKS_LEAST || get32(super + 4) == JOURNAL_SUPER_1)
        return ENOTSUP;
    if (ext2fs_has_feature_64bit(fs->lib->super))
        features |= FEATURE_WIDE;
    if (ext2fs_has_feature_metadata_csum(fs->lib->super)) {
        features |= FEATURE_CHECKSUM_3;
        super[SUPER_CHECKSUM_TYPE] = CHECKSUM_CRC32C;
    }
    put32(super + SUPER_INCOMPATIBLE, features);
    put32(super + SUPER_COMPATIBLE, 0);
    take_features(journal);
    journal->head = journal->first;
    journal->used = 0;
    journal->started = false;
    return journal_write_super(fs, 0, journal->sequence);
}

bool journal_has_error(const struct journal *journal)
{
    return get32(journal->super + SUPER_ERROR) != 0;
}

int journal_finish(struct ext4 *fs)
{
    put32(fs->journal.super + SUPER_ERROR, 0);
    return journal_write_super(fs, 0, fs->journal.sequence);
}

uint32_t journal_limit(const struct ext4 *fs)
{
    const uint32_t quarter = (fs->journal.length - fs->journal.first) / 4;

    return quarter < TRANSACTION_BLOCKS ? quarter : TRANSACTION_BLOCKS;
}
