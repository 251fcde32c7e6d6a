/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the partition reader.
 */
#pragma once

#include <libsys/driver/partition.h>
#include <stdbool.h>
#include <stddef.h>

enum { PARTITION_BUFFER = 4096 };

enum partition_scheme { PARTITION_NONE = 0, PARTITION_MBR = 1, PARTITION_GPT = 2 };

struct partition_reader {
    partition_read_t *read;
    void *context;
    uint32_t block_size;
    uint64_t blocks;
    unsigned reads;                   /* so far (P1) */
    uint8_t buffer[PARTITION_BUFFER]; /* what was read last */
};

/** Read into the buffer. */
kern_return_t partition_fetch(struct partition_reader *reader, uint64_t block, uint32_t count);

/** Numbers on the medium are little-endian, at any alignment. */
static inline uint16_t partition_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t partition_get32(const uint8_t *at)
{
    return partition_get16(at) | (uint32_t)partition_get16(at + 2) << 16;
}

static inline uint64_t partition_get64(const uint8_t *at)
{
    return partition_get32(at) | (uint64_t)partition_get32(at + 4) << 32;
}

/** Remember what is wrong; the first is told. */
static inline void partition_trouble(struct partition_table *table, const char *sentence)
{
    if (table->trouble == NULL)
        table->trouble = sentence;
}

/** Whether [first, first + blocks) touches a partition that the table has already. */
bool partition_overlaps(const struct partition_table *table, uint64_t first, uint64_t blocks);

/** partition_gpt.c: the device has a protective MBR. */
void partition_read_gpt(struct partition_table *table, struct partition_reader *reader);
