/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables: MBR with its chain of logical partitions, and GPT. Sources: UEFI Specification 2.10, 5.2 and 5.3; for the chain,
 * which no standard describes, what all systems that write it agree on (partition.md beside partition.c).
 *
 * P1 A table is a stranger's: whatever it says, reading ends after at most PARTITION_READS_MAX reads, and no partition of the
 *    result lies outside of the device, over another one, or over what describes it.
 * P2 A partition keeps its number whatever the others are: a partition that is refused, or a place in the table that is empty, is
 *    one of no blocks. So nobody who names a partition by number ever gets another one's blocks.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>

enum {
    PARTITION_TABLE_MAX = 32, /* with the whole device, number 0 */
    PARTITION_READS_MAX = 256,
};

struct partition {
    uint64_t first, blocks; /* blocks 0: there is no such partition */
    uint8_t type[16];       /* MBR: one byte; GPT: the GUID as it is on the medium */
    uint8_t name[40];       /* UTF-8, ended by a NUL */
};

struct partition_table {
    uint32_t count;      /* the numbers there are: at least 1 */
    uint32_t scheme;     /* block.defs: 0 none, 1 MBR, 2 GPT */
    const char *trouble; /* what is wrong with it, a sentence; NULL: nothing */
    /** Number 0: the whole device. MBR: 1 to 4 are the primary ones, logical ones follow from 5; GPT: entry n is number n + 1. */
    struct partition partition[PARTITION_TABLE_MAX];
};

/** Read `count` blocks, at most 4096 bytes, to `to`. Any error is taken for a block that cannot be read. */
typedef kern_return_t partition_read_t(void *context, uint64_t block, uint32_t count, void *to);

/** Read the table of a device of `blocks` blocks of `block_size` bytes. Never fails: what cannot be read, or makes no sense,
 *  leaves fewer partitions, and `trouble`. */
void partition_read(struct partition_table *table, partition_read_t *read, void *context,
                    uint32_t block_size, uint64_t blocks);
