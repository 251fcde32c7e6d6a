/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables: which kind it is, and MBR (<libsys/driver/partition.h>).
 *
 * A primary partition of an extended type holds a chain of table blocks; each describes one logical partition, relative to that
 * block, and where the next table block is, relative to the whole extended partition.
 */
#include "partition_impl.h"

#include <string.h>

enum { /* of a table block */
       ENTRIES = 446,
       ENTRY_SIZE = 16,
       PRIMARY_COUNT = 4,
       SIGNATURE = 510,
};

enum { /* of an entry */
       ENTRY_STATUS = 0,
       ENTRY_TYPE = 4,
       ENTRY_FIRST = 8,
       ENTRY_BLOCKS = 12,
};

enum {
    TYPE_EMPTY = 0x00,
    TYPE_EXTENDED = 0x05,
    TYPE_EXTENDED_LBA = 0x0f,
    TYPE_EXTENDED_LINUX = 0x85,
    TYPE_PROTECTIVE = 0xee,
};

enum {
    FIRST_LOGICAL = 5,
    LINKS_MAX = 64, /* table blocks of one chain */
};

struct entry {
    uint8_t status, type;
    uint64_t first, blocks;
};

kern_return_t partition_fetch(struct partition_reader *reader, uint64_t block, uint32_t count)
{
    if (reader->reads >= PARTITION_READS_MAX || block >= reader->blocks ||
        count > reader->blocks - block)
        return KERN_INVALID_ARGUMENT;
    reader->reads++;
    return reader->read(reader->context, block, count, reader->buffer);
}

bool partition_overlaps(const struct partition_table *table, uint64_t first, uint64_t blocks)
{
    for (uint32_t i = 1; i < table->count; i++) {
        const struct partition *p = &table->partition[i];

        if (p->blocks != 0 && first < p->first + p->blocks && p->first < first + blocks)
            return true;
    }
    return false;
}

static struct entry entry_at(const uint8_t *block, unsigned number)
{
    const uint8_t *at = block + ENTRIES + (size_t)number * ENTRY_SIZE;

    return (struct entry){
        .status = at[ENTRY_STATUS],
        .type = at[ENTRY_TYPE],
        .first = partition_get32(at + ENTRY_FIRST),
        .blocks = partition_get32(at + ENTRY_BLOCKS),
    };
}

static bool has_signature(const uint8_t *block)
{
    return block[SIGNATURE] == 0x55 && block[SIGNATURE + 1] == 0xaa;
}

static bool is_extended(uint8_t type)
{
    return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

/* A file system without a table begins with a block that has the signature, too: code or text stands where the table would be, or
 * a table of zeros and the name of the file system before it. */
static bool is_table(const uint8_t *block)
{
    bool empty = true;

    for (unsigned i = 0; i < PRIMARY_COUNT; i++) {
        struct entry entry = entry_at(block, i);

        if (entry.status != 0 && entry.status != 0x80)
            return false;
        empty &= entry.type == TYPE_EMPTY;
    }
    return !empty || (memcmp(block + 54, "FAT", 3) != 0 && memcmp(block + 82, "FAT", 3) != 0);
}

/* Put a partition in place `number`, all places before which have been filled. A refused one stays empty. */
static void place(struct partition_table *table, const struct partition_reader *reader,
                  unsigned number, const struct entry *entry)
{
    struct partition *p = &table->partition[number];
    bool taken;

    if (entry->blocks == 0 || entry->first == 0) {
        partition_trouble(table, "a partition begins at block 0, or has no blocks: left out");
        return;
    }
    if (entry->first >= reader->blocks || entry->blocks > reader->blocks - entry->first) {
        partition_trouble(table, "a partition goes beyond the end of the device: left out");
        return;
    }
    taken = partition_overlaps(table, entry->first, entry->blocks);
    if (table->count < number + 1)
        table->count = number + 1;
    if (taken) {
        partition_trouble(table, "a partition overlaps another one: left out");
        return;
    }
    p->first = entry->first;
    p->blocks = entry->blocks;
    p->type[0] = entry->type;
}

/* ---- Logical partitions ---- */

struct chain {
    uint64_t first, blocks; /* the extended partition */
    uint64_t visited[LINKS_MAX];
    unsigned links;
    unsigned number; /* of the next logical partition */
};

/* Whether one of the chain's table blocks so far is in [first, first + blocks). */
static bool was_visited(const struct chain *chain, uint64_t first, uint64_t blocks)
{
    for (unsigned i = 0; i < chain->links; i++)
        if (chain->visited[i] >= first && chain->visited[i] - first < blocks)
            return true;
    return false;
}

/* The logical partition that the table block at `at` describes: behind that block, and inside the extended one. */
static void place_logical(struct partition_table *table, const struct partition_reader *reader,
                          struct chain *chain, uint64_t at)
{
    struct entry entry = entry_at(reader->buffer, 0);
    uint64_t inside = at - chain->first;

    if (entry.type == TYPE_EMPTY)
        return; /* the first of a chain may be so; it has no number */
    if (chain->number >= PARTITION_TABLE_MAX) {
        partition_trouble(table, "more than 31 partitions: the others are left out");
        return;
    }
    if (table->count < chain->number + 1)
        table->count = chain->number + 1;
    if (entry.first == 0 || entry.first >= chain->blocks - inside ||
        entry.blocks > chain->blocks - inside - entry.first) {
        partition_trouble(table, "a logical partition is not inside the extended one: left out");
    } else if (was_visited(chain, entry.first + at, entry.blocks)) {
        partition_trouble(table, "a logical partition lies over the chain of them: left out");
    } else {
        entry.first += at;
        place(table, reader, chain->number, &entry);
    }
    chain->number++;
}

/* One table block. Returns where the next is; 0: there is none. */
static uint64_t follow(struct partition_table *table, struct partition_reader *reader,
                       struct chain *chain, uint64_t at)
{
    struct entry link;

    if (chain->links == LINKS_MAX || was_visited(chain, at, 1)) {
        partition_trouble(table, "the chain of logical partitions does not end");
        return 0;
    }
    if (partition_overlaps(table, at, 1)) {
        partition_trouble(table, "the chain of logical partitions leads into a partition");
        return 0;
    }
    chain->visited[chain->links++] = at;
    if (partition_fetch(reader, at, 1) != KERN_SUCCESS) {
        partition_trouble(table, "a block of the chain of logical partitions cannot be read");
        return 0;
    }
    if (!has_signature(reader->buffer)) {
        partition_trouble(table, "a block of the chain of logical partitions is no table");
        return 0;
    }
    place_logical(table, reader, chain, at);
    link = entry_at(reader->buffer, 1);
    if (link.type == TYPE_EMPTY)
        return 0;
    if (!is_extended(link.type) || link.first == 0 || link.first >= chain->blocks) {
        partition_trouble(table, "the chain of logical partitions leads out of the extended one");
        return 0;
    }
    return chain->first + link.first;
}

static void read_chain(struct partition_table *table, struct partition_reader *reader,
                       const struct entry *extended)
{
    struct chain chain = {.first = extended->first,
                          .blocks = extended->blocks,
                          .number = FIRST_LOGICAL};
    uint64_t at = extended->first;

    if (extended->first == 0 || extended->first >= reader->blocks ||
        extended->blocks > reader->blocks - extended->first) {
        partition_trouble(table, "the extended partition goes beyond the device: left out");
        return;
    }
    if (partition_overlaps(table, extended->first, extended->blocks)) {
        partition_trouble(table, "the extended partition overlaps another one: left out");
        return;
    }
    while (at != 0)
        at = follow(table, reader, &chain, at);
}

/* ---- The whole ---- */

static void read_mbr(struct partition_table *table, struct partition_reader *reader)
{
    struct entry primary[PRIMARY_COUNT];
    const struct entry *extended = NULL;

    for (unsigned i = 0; i < PRIMARY_COUNT; i++)
        primary[i] = entry_at(reader->buffer, i);
    table->scheme = PARTITION_MBR;
    for (unsigned i = 0; i < PRIMARY_COUNT; i++) {
        if (primary[i].type == TYPE_EMPTY)
            continue;
        if (!is_extended(primary[i].type)) {
            place(table, reader, i + 1, &primary[i]);
        } else if (extended == NULL) {
            extended = &primary[i];
        } else {
            partition_trouble(table, "there is more than one extended partition: left out");
        }
    }
    if (extended != NULL)
        read_chain(table, reader, extended);
}

static bool is_protective(const uint8_t *block, bool *well_placed)
{
    bool found = false;

    *well_placed = false;
    for (unsigned i = 0; i < PRIMARY_COUNT; i++) {
        struct entry entry = entry_at(block, i);

        if (entry.type == TYPE_PROTECTIVE) {
            found = true;
            *well_placed |= entry.first == 1;
        }
    }
    return found;
}

void partition_read(struct partition_table *table, partition_read_t *read, void *context,
                    uint32_t block_size, uint64_t blocks)
{
    struct partition_reader reader = {.read = read,
                                      .context = context,
                                      .block_size = block_size,
                                      .blocks = blocks};
    bool well_placed;

    *table = (struct partition_table){.count = 1, .partition = {{.blocks = blocks}}};
    if (block_size < 512 || block_size > PARTITION_BUFFER || (block_size & (block_size - 1)) != 0) {
        partition_trouble(table, "blocks of a size that has no tables");
        return;
    }
    if (blocks == 0)
        return;
    if (partition_fetch(&reader, 0, 1) != KERN_SUCCESS) {
        partition_trouble(table, "block 0 cannot be read");
        return;
    }
    if (!has_signature(reader.buffer) || !is_table(reader.buffer))
        return;
    if (!is_protective(reader.buffer, &well_placed))
        read_mbr(table, &reader);
    else if (well_placed)
        partition_read_gpt(table, &reader);
    else
        partition_trouble(table, "the protective MBR does not begin at block 1: no GPT is there");
}
