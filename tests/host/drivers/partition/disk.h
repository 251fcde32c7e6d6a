/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of bytes with a partition table, made by the test; and what every table that was read promises.
 */
#pragma once

#include <libsys/driver/partition.h>
#include <stdbool.h>
#include <stddef.h>

enum { DISK_BLOCKS = 4096, DISK_BAD_MAX = 4 };

/** The first kept / 2 blocks have bytes, and the last ones; those between read as zeros. */
struct disk {
    uint32_t kept;
    uint32_t block_size;
    uint64_t blocks;
    uint8_t *bytes;
    uint64_t bad[DISK_BAD_MAX]; /* blocks that cannot be read; 0: none, but for bad_first */
    bool bad_first;
    unsigned reads;
};

void disk_make(struct disk *disk, uint32_t block_size, uint64_t blocks);
void disk_make_kept(struct disk *disk, uint32_t block_size, uint64_t blocks, uint32_t kept);
void disk_destroy(struct disk *disk);
/** Where a block's bytes are; it has some. */
uint8_t *disk_block(struct disk *disk, uint64_t block);
kern_return_t disk_read(void *disk, uint64_t block, uint32_t count, void *to);

/** Read the table, and check that it keeps its promises. */
void disk_table(struct disk *disk, struct partition_table *table);

void put16(uint8_t *at, uint32_t value);
void put32(uint8_t *at, uint32_t value);
void put64(uint8_t *at, uint64_t value);

/** An entry of a table block of MBR's kind, and the signature. */
void disk_entry(struct disk *disk, uint64_t block, unsigned number, uint8_t type, uint32_t first,
                uint32_t blocks);

/** A GPT of `count` entries, 128 bytes each, none of which is used: header and entries at both ends, protective MBR. */
void disk_gpt(struct disk *disk, uint32_t count);
/** Use entry `number` (from 0), in both. The name is plain letters. */
void disk_gpt_entry(struct disk *disk, unsigned number, uint64_t first, uint64_t last,
                    const char *name);
/** Make the checksums right again, of the GPT whose header is at `header`. */
void disk_gpt_sums(struct disk *disk, uint64_t header);
/** Entry `number` of the GPT whose header is at `header`. */
uint8_t *disk_gpt_entry_at(struct disk *disk, uint64_t header, unsigned number);
