/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a journal looks like on the disk: Linux' jbd2, in big-endian numbers. Block 0 of the journal is its superblock. The log is a ring of the others: of each
 * transaction descriptor blocks, each followed by the blocks that it describes, revoke blocks, and a commit block.
 */
#pragma once

#include <stdint.h>
#include <string.h>

enum {
    JOURNAL_MAGIC = 0xc03b3998,
    JOURNAL_HEADER = 12, /* magic, type, sequence */
    JOURNAL_TAIL = 4,    /* checksum at the end of descriptor and revoke blocks */
    JOURNAL_UUID = 16,
    JOURNAL_SUPER = 1024,
};

enum {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT = 2,
    JOURNAL_SUPER_1 = 3,
    JOURNAL_SUPER_2 = 4,
    JOURNAL_REVOKE = 5,
};

/* Offsets in the superblock. */
enum {
    SUPER_BLOCK_SIZE = 12,
    SUPER_LENGTH = 16,
    SUPER_FIRST = 20,
    SUPER_SEQUENCE = 24,
    SUPER_START = 28,
    SUPER_ERROR = 32,
    SUPER_COMPATIBLE = 36,
    SUPER_INCOMPATIBLE = 40,
    SUPER_READ_ONLY = 44,
    SUPER_UUID = 48,
    SUPER_CHECKSUM_TYPE = 80,
    SUPER_FAST_BLOCKS = 84,
    SUPER_CHECKSUM = 252,
};

enum {
    FEATURE_CHECKSUM =
        1,              /* compatible: version 1, a CRC-32 of the transaction in the commit block */
    FEATURE_REVOKE = 1, /* these and the following: incompatible */
    FEATURE_WIDE = 2,   /* block numbers have 64 bits */
    FEATURE_ASYNCHRONOUS = 4, /* a commit block may be there before what it commits */
    FEATURE_CHECKSUM_2 = 8,   /* CRC-32C, half of it in the tags */
    FEATURE_CHECKSUM_3 = 16,
    FEATURE_FAST = 32,
    FEATURES_INCOMPATIBLE = 63,
    CHECKSUM_CRC32 = 1, /* types */
    CHECKSUM_CRC32C = 4,
};

/* Of a tag. */
enum {
    TAG_ESCAPED = 1, /* the block begins with the magic number, which is 0 in the log */
    TAG_SAME_UUID = 2,
    TAG_LAST = 8,
};

/* Offsets in a commit block. */
enum {
    COMMIT_TYPE = 12,
    COMMIT_SIZE = 13,
    COMMIT_CHECKSUM = 16,
    COMMIT_SECONDS = 48,
    COMMIT_NANOSECONDS = 56,
};

enum { REVOKE_SIZE = 12, REVOKE_RECORDS = 16 };

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static inline void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)(value >> 32));
    put32(at + 4, (uint32_t)value);
}

static inline uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) << 32 | get32(at + 4);
}

static inline void put_header(uint8_t *block, uint32_t type, uint32_t sequence)
{
    put32(block, JOURNAL_MAGIC);
    put32(block + 4, type);
    put32(block + 8, sequence);
}
