/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a transaction. The log is filled through a staging buffer, so that what lies together goes to the card in large writes. The order is what the file
 * system's safety rests on: everything before the commit block is flushed (and with it all file data that was written before), then the commit block is written
 * and flushed. Where the log begins is told with the first of these flushes, before there is anything to replay.
 */
#include "ext4_impl.h"
#include "journal_format.h"

struct writer {
    struct ext4 *fs;
    uint8_t *staging;
    uint32_t capacity, count; /* in blocks */
    uint32_t start;           /* of the staged ones, in the log */
    int error;
};

static uint32_t after(const struct journal *journal, uint32_t place)
{
    return place + 1 < journal->length ? place + 1 : journal->first;
}

static void write_staged(struct writer *writer)
{
    const struct journal *journal = &writer->fs->journal;
    uint32_t done = 0;

    while (done < writer->count && writer->error == 0) {
        const uint64_t first = journal->blocks[writer->start + done];
        uint32_t n = 1;

        while (done + n < writer->count && journal->blocks[writer->start + done + n] == first + n)
            n++;
        writer->error = device_write(writer->fs, first, n,
                                     writer->staging + (size_t)done * writer->fs->block_size);
        done += n;
    }
    writer->count = 0;
}

/* The next block of the log, to be filled; it stays where it is until the next call. */
static uint8_t *next_block(struct writer *writer)
{
    struct journal *journal = &writer->fs->journal;
    uint8_t *block;

    if (writer->count == writer->capacity || journal->head != writer->start + writer->count)
        write_staged(writer);
    if (writer->count == 0)
        writer->start = journal->head;
    block = writer->staging + (size_t)writer->count++ * writer->fs->block_size;
    memset(block, 0, writer->fs->block_size);
    journal->head = after(journal, journal->head);
    journal->used++;
    return block;
}

static size_t tail_size(const struct journal *journal)
{
    return journal->checksums ? JOURNAL_TAIL : 0;
}

static void put_tail(const struct ext4 *fs, uint8_t *block)
{
    if (fs->journal.checksums)
        put32(block + fs->block_size - JOURNAL_TAIL,
              ext2fs_crc32c_le(fs->journal.seed, block, fs->block_size));
}

static size_t tag_size(const struct journal *journal)
{
    return journal->checksums ? 16 : journal->wide ? 12 : 8;
}

static void put_tag(const struct ext4 *fs, uint8_t *tag, const struct block *block, uint32_t flags,
                    const uint8_t *logged)
{
    const struct journal *journal = &fs->journal;
    uint8_t sequence[4];

    put32(tag, (uint32_t)block->number);
    if (journal->checksums) {
        put32(sequence, journal->sequence);
        put32(tag + 4, flags);
        put32(tag + 8, (uint32_t)(block->number >> 32));
        put32(tag + 12, ext2fs_crc32c_le(ext2fs_crc32c_le(journal->seed, sequence, 4), logged,
                                         fs->block_size));
        return;
    }
    put32(tag + 4, flags); /* sixteen bits of checksum, which are 0, and the flags */
    if (journal->wide)
        put32(tag + 8, (uint32_t)(block->number >> 32));
}

/* Blocks that one descriptor has room for; the first tag is followed by the journal's UUID. */
static uint32_t tags_in_block(const struct ext4 *fs)
{
    return (uint32_t)((fs->block_size - JOURNAL_HEADER - JOURNAL_UUID - tail_size(&fs->journal)) /
                      tag_size(&fs->journal));
}

/* A descriptor and what it describes. In the log no block but the journal's own begins with the magic number; checksums are of blocks as they lie there. */
static void write_described(struct writer *writer, uint8_t *descriptor, struct block **blocks,
                            uint32_t count)
{
    struct ext4 *fs = writer->fs;
    const struct journal *journal = &fs->journal;
    size_t at = JOURNAL_HEADER;

    memset(descriptor, 0, fs->block_size);
    put_header(descriptor, JOURNAL_DESCRIPTOR, journal->sequence);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t flags = (i > 0 ? TAG_SAME_UUID : 0) | (i + 1 == count ? TAG_LAST : 0);
        const bool escaped = get32(blocks[i]->data) == JOURNAL_MAGIC;
        uint8_t first[4];

        memcpy(first, blocks[i]->data, 4);
        if (escaped)
            put32(blocks[i]->data, 0);
        put_tag(fs, descriptor + at, blocks[i], flags | (escaped ? TAG_ESCAPED : 0),
                blocks[i]->data);
        memcpy(blocks[i]->data, first, 4);
        at += tag_size(journal);
        if (i == 0) {
            memcpy(descriptor + at, journal->super + SUPER_UUID, JOURNAL_UUID);
            at += JOURNAL_UUID;
        }
    }
    put_tail(fs, descriptor);
    memcpy(next_block(writer), descriptor, fs->block_size);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *logged = next_block(writer);

        memcpy(logged, blocks[i]->data, fs->block_size);
        if (get32(logged) == JOURNAL_MAGIC)
            put32(logged, 0);
    }
}

static void write_revoked(struct writer *writer, const struct ranges *revoked)
{
    struct ext4 *fs = writer->fs;
    const size_t record = fs->journal.wide ? 8 : 4;
    const size_t end = fs->block_size - tail_size(&fs->journal);
    uint8_t *block = NULL;
    size_t at = 0;

    for (uint32_t i = 0; i < revoked->count; i++)
        for (uint64_t n = 0; n < revoked->list[i].count; n++) {
            if (block != NULL && at + record > end) {
                put32(block + REVOKE_SIZE, (uint32_t)at);
                put_tail(fs, block);
                block = NULL;
            }
            if (block == NULL) {
                block = next_block(writer);
                put_header(block, JOURNAL_REVOKE, fs->journal.sequence);
                at = REVOKE_RECORDS;
            }
            if (record == 8)
                put64(block + at, revoked->list[i].first + n);
            else
                put32(block + at, (uint32_t)(revoked->list[i].first + n));
            at += record;
        }
    if (block != NULL) {
        put32(block + REVOKE_SIZE, (uint32_t)at);
        put_tail(fs, block);
    }
}

static void write_commit(struct writer *writer)
{
    struct ext4 *fs = writer->fs;
    uint8_t *block = next_block(writer);
    const struct ext4_time now = ext4_now(fs);

    put_header(block, JOURNAL_COMMIT, fs->journal.sequence);
    put64(block + COMMIT_SECONDS, (uint64_t)now.seconds);
    put32(block + COMMIT_NANOSECONDS, now.nanoseconds);
    if (fs->journal.checksums)
        put32(block + COMMIT_CHECKSUM, ext2fs_crc32c_le(fs->journal.seed, block, fs->block_size));
    write_staged(writer);
}

static int write_transaction(struct writer *writer, struct block **blocks, uint32_t count,
                             const struct ranges *revoked)
{
    struct ext4 *fs = writer->fs;
    struct journal *journal = &fs->journal;
    const uint32_t start = journal->head, most = tags_in_block(fs);
    uint8_t *descriptor = malloc(fs->block_size);

    if (descriptor == NULL)
        return ENOMEM;
    for (uint32_t done = 0; done < count;) {
        const uint32_t n = count - done < most ? count - done : most;

        write_described(writer, descriptor, blocks + done, n);
        done += n;
    }
    free(descriptor);
    write_revoked(writer, revoked);
    write_staged(writer);
    if (writer->error == 0 && !journal->started) {
        writer->error = journal_write_super(fs, start, journal->sequence);
        journal->started = true;
    }
    if (writer->error == 0)
        writer->error = device_flush(fs);
    if (writer->error != 0)
        return writer->error;
    write_commit(writer);
    return writer->error != 0 ? writer->error : device_flush(fs);
}

int journal_commit(struct ext4 *fs, const struct ranges *revoked)
{
    struct writer writer = {.fs = fs, .capacity = STAGING / fs->block_size};
    struct block **blocks;
    uint32_t count;
    int error;

    if (!cache_list(fs, BLOCKS_DIRTY, &blocks, &count))
        return ENOMEM;
    writer.staging = malloc(STAGING);
    error = writer.staging ? write_transaction(&writer, blocks, count, revoked) : ENOMEM;
    if (error == 0) {
        fs->journal.sequence++;
        for (uint32_t i = 0; i < count; i++)
            cache_set_state(fs, blocks[i], false, true);
    }
    free(writer.staging);
    free(blocks);
    return error;
}
