/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replay of a journal, ours or Linux': three walks over the log. The first finds where it ends and checks all checksums before anything is written, the second
 * collects revoke records, the third writes blocks to their places. Nothing in the log is believed: numbers of blocks, lengths and counts are checked, and no walk
 * is longer than the log.
 */
#include "ext4_impl.h"
#include "journal_format.h"

enum { REVOKES_MOST = 1 << 20 };
enum pass { SCAN, REVOKE, WRITE };

struct revoke {
    uint64_t block;
    uint32_t sequence;
};

struct replay {
    struct ext4 *fs;
    enum pass pass;
    uint32_t place, sequence; /* where the walk is */
    uint32_t walked;
    uint32_t end; /* the first transaction that is not complete */
    uint8_t *block, *data;
    bool damaged;           /* a block of the transaction has a wrong checksum */
    uint32_t old_sum;       /* version 1's, of the transaction so far */
    struct revoke *revokes; /* sorted once all are there */
    uint32_t revoke_count, revoke_room;
};

struct tag {
    uint64_t block;
    uint32_t flags, checksum;
};

static int damaged(struct replay *replay, const char *what)
{
    return problem_set(replay->fs, EBADMSG, "replay of the journal", what);
}

static bool is_later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* ---- revoke records ---- */

/* By block; of one block the latest first. */
static int compare_revokes(const void *a, const void *b)
{
    const struct revoke *x = a, *y = b;

    if (x->block != y->block)
        return x->block > y->block ? 1 : -1;
    return is_later(y->sequence, x->sequence) - is_later(x->sequence, y->sequence);
}

/* Each block once, with its latest record. */
static void sort_revokes(struct replay *replay)
{
    uint32_t kept = 0;

    if (replay->revoke_count == 0)
        return;
    qsort(replay->revokes, replay->revoke_count, sizeof(*replay->revokes), compare_revokes);
    for (uint32_t i = 1; i < replay->revoke_count; i++)
        if (replay->revokes[i].block != replay->revokes[kept].block)
            replay->revokes[++kept] = replay->revokes[i];
    replay->revoke_count = kept + 1;
}

/* Sorting is worth it when it leaves half of the room free. */
static bool make_room(struct replay *replay)
{
    const uint32_t room = replay->revoke_room == 0 ? 256 : 2 * replay->revoke_room;
    struct revoke *larger;

    if (replay->revoke_count < replay->revoke_room)
        return true;
    sort_revokes(replay);
    if (2 * replay->revoke_count < replay->revoke_room)
        return true;
    larger = room > 2 * REVOKES_MOST ? NULL : realloc(replay->revokes, room * sizeof(*larger));
    if (larger == NULL)
        return false;
    replay->revokes = larger;
    replay->revoke_room = room;
    return true;
}

static int add_revoke(struct replay *replay, uint64_t block)
{
    if (block >= replay->fs->blocks)
        return 0; /* nothing is written there */
    if (!make_room(replay))
        return ENOMEM;
    replay->revokes[replay->revoke_count++] = (struct revoke){block, replay->sequence};
    return 0;
}

static bool is_revoked(const struct replay *replay, uint64_t block)
{
    uint32_t low = 0, high = replay->revoke_count;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const struct revoke *revoke = &replay->revokes[middle];

        if (revoke->block == block)
            return !is_later(replay->sequence, revoke->sequence);
        if (revoke->block > block)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* ---- blocks of the log ---- */

/* The next block of the log; ESPIPE: the walk has been all around. */
static int next_block(struct replay *replay, uint8_t *to)
{
    const struct journal *journal = &replay->fs->journal;
    int error;

    if (replay->walked++ >= journal->length - journal->first)
        return ESPIPE;
    error = device_read(replay->fs, journal->blocks[replay->place], 1, to);
    replay->place = replay->place + 1 < journal->length ? replay->place + 1 : journal->first;
    return error;
}

static bool has_tail(const struct journal *journal)
{
    return journal->checksums || journal->checksums_2;
}

/* The checksum of a block of the journal's own, which lies in it at `at`. */
static bool is_sum_good(struct replay *replay, size_t at)
{
    uint8_t *place = replay->block + at;
    const uint32_t said = get32(place);
    uint32_t sum;

    if (!has_tail(&replay->fs->journal))
        return true;
    put32(place, 0);
    sum = ext2fs_crc32c_le(replay->fs->journal.seed, replay->block, replay->fs->block_size);
    put32(place, said);
    return sum == said;
}

static size_t tag_size(const struct journal *journal)
{
    if (journal->checksums)
        return 16;
    return 8 + (journal->wide ? 4 : 0) + (journal->checksums_2 ? 2 : 0);
}

static struct tag read_tag(const struct journal *journal, const uint8_t *at)
{
    struct tag tag = {.block = get32(at)};

    if (journal->checksums) {
        tag.flags = get32(at + 4);
        tag.checksum = get32(at + 12);
    } else {
        tag.checksum = get16(at + 4);
        tag.flags = get16(at + 6);
    }
    if (journal->wide)
        tag.block |= (uint64_t)get32(at + 8) << 32;
    return tag;
}

static bool is_data_good(struct replay *replay, const struct tag *tag)
{
    const struct journal *journal = &replay->fs->journal;
    uint8_t sequence[4];
    uint32_t sum;

    if (!has_tail(journal))
        return true;
    put32(sequence, replay->sequence);
    sum = ext2fs_crc32c_le(ext2fs_crc32c_le(journal->seed, sequence, 4), replay->data,
                           replay->fs->block_size);
    return tag->checksum == (journal->checksums ? sum : sum & 0xffff);
}

static int write_place(struct replay *replay, const struct tag *tag)
{
    if (is_revoked(replay, tag->block))
        return 0;
    if (tag->flags & TAG_ESCAPED)
        put32(replay->data, JOURNAL_MAGIC);
    return device_write(replay->fs, tag->block, 1, replay->data);
}

static int visit_data(struct replay *replay, const struct tag *tag)
{
    struct ext4 *fs = replay->fs;
    const int error = next_block(replay, replay->data);

    if (error != 0)
        return error;
    if (replay->pass == WRITE)
        return write_place(replay, tag);
    if (replay->pass == SCAN) {
        replay->damaged |= !is_data_good(replay, tag);
        replay->damaged |= tag->block >= fs->blocks || journal_holds(&fs->journal, tag->block);
        if (fs->journal.checksums_old)
            replay->old_sum = ext2fs_crc32_be(replay->old_sum, replay->data, fs->block_size);
    }
    return 0;
}

static int visit_descriptor(struct replay *replay)
{
    const struct journal *journal = &replay->fs->journal;
    const size_t size = tag_size(journal);
    const size_t end = replay->fs->block_size - (has_tail(journal) ? JOURNAL_TAIL : 0);
    size_t at = JOURNAL_HEADER;

    if (!is_sum_good(replay, replay->fs->block_size - JOURNAL_TAIL))
        return ESPIPE;
    if (replay->pass == SCAN && journal->checksums_old)
        replay->old_sum = ext2fs_crc32_be(replay->old_sum, replay->block, replay->fs->block_size);
    while (at + size <= end) {
        const struct tag tag = read_tag(journal, replay->block + at);
        const int error = visit_data(replay, &tag);

        if (error != 0)
            return error;
        at += size + (tag.flags & TAG_SAME_UUID ? 0 : JOURNAL_UUID);
        if (tag.flags & TAG_LAST)
            break;
    }
    return 0;
}

static int visit_revoke(struct replay *replay)
{
    const struct journal *journal = &replay->fs->journal;
    const size_t record = journal->wide ? 8 : 4;
    const size_t most = replay->fs->block_size - (has_tail(journal) ? JOURNAL_TAIL : 0);
    const size_t used = get32(replay->block + REVOKE_SIZE);

    if (!is_sum_good(replay, replay->fs->block_size - JOURNAL_TAIL))
        return ESPIPE;
    if (used < REVOKE_RECORDS || used > most) {
        replay->damaged = true;
        return 0;
    }
    for (size_t at = REVOKE_RECORDS; replay->pass == REVOKE && at + record <= used; at += record) {
        const uint8_t *number = replay->block + at;
        const int error = add_revoke(replay, record == 8 ? get64(number) : get32(number));

        if (error != 0)
            return error;
    }
    return 0;
}

static bool is_old_sum_good(const struct replay *replay)
{
    const uint8_t *commit = replay->block;
    const uint32_t said = get32(commit + COMMIT_CHECKSUM);

    if (!replay->fs->journal.checksums_old)
        return true;
    if (commit[COMMIT_TYPE] == 0 && commit[COMMIT_SIZE] == 0 && said == 0)
        return true;
    return commit[COMMIT_TYPE] == CHECKSUM_CRC32 && commit[COMMIT_SIZE] == 4 &&
           said == replay->old_sum;
}

/* ESPIPE: the transaction was not complete when power failed. */
static int visit_commit(struct replay *replay)
{
    if (!is_sum_good(replay, COMMIT_CHECKSUM))
        return ESPIPE;
    if (replay->pass == SCAN && (!is_old_sum_good(replay) || replay->damaged)) {
        if (replay->fs->journal.asynchronous || !is_old_sum_good(replay))
            return ESPIPE;
        return damaged(replay, "a committed transaction is damaged");
    }
    replay->sequence++;
    replay->old_sum = ~0u;
    return 0;
}

/* ---- walks ---- */

static int visit(struct replay *replay)
{
    const int error = next_block(replay, replay->block);

    if (error != 0)
        return error;
    if (get32(replay->block) != JOURNAL_MAGIC || get32(replay->block + 8) != replay->sequence)
        return ESPIPE;
    switch (get32(replay->block + 4)) {
    case JOURNAL_DESCRIPTOR: return visit_descriptor(replay);
    case JOURNAL_COMMIT: return visit_commit(replay);
    case JOURNAL_REVOKE: return visit_revoke(replay);
    default: return ESPIPE;
    }
}

static int walk(struct replay *replay, enum pass pass)
{
    const uint8_t *super = replay->fs->journal.super;
    int error = 0;

    replay->pass = pass;
    replay->place = get32(super + SUPER_START);
    replay->sequence = get32(super + SUPER_SEQUENCE);
    replay->walked = 0;
    replay->damaged = false;
    replay->old_sum = ~0u;
    while (error == 0 && (pass == SCAN || replay->sequence != replay->end))
        error = visit(replay);
    if (pass == SCAN)
        replay->end = replay->sequence;
    if (pass == REVOKE)
        sort_revokes(replay);
    if (error == ESPIPE) /* where the first walk has been on, the medium says something else */
        return pass == SCAN ? 0 : EIO;
    return error;
}

int journal_replay(struct ext4 *fs)
{
    struct replay replay = {.fs = fs};
    const uint32_t start = get32(fs->journal.super + SUPER_START);
    int error = 0;

    if (start == 0) {
        survive_found(fs, get32(fs->journal.super + SUPER_SEQUENCE));
        return 0;
    }
    if (start < fs->journal.first || start >= fs->journal.length)
        return damaged(&replay, "it begins outside the log");
    if (get32(fs->journal.super + SUPER_INCOMPATIBLE) & FEATURE_FAST)
        return ENOTSUP;
    replay.block = malloc(fs->block_size);
    replay.data = malloc(fs->block_size);
    if (replay.block == NULL || replay.data == NULL)
        error = ENOMEM;
    for (enum pass pass = SCAN; pass <= WRITE && error == 0; pass++)
        error = walk(&replay, pass);
    if (error == 0)
        error = device_flush(fs);
    if (error == 0) {
        survive_found(fs, replay.end);
        fs->journal.sequence =
            replay.end + 1; /* no block of an unfinished one can be taken for the next */
        error = journal_write_super(fs, 0, fs->journal.sequence);
    }
    if (error == 0)
        error = device_flush(fs);
    free(replay.block);
    free(replay.data);
    free(replay.revokes);
    return error;
}
