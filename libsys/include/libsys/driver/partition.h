/* SPDX-License-Identifier: BSD-2-Clause */
/* Placeholder of the founder's working tree until branch virtio is merged. */
#pragma once
#include <stdint.h>
#include <wharf/error.h>
struct partition {
    uint64_t first, blocks;
    uint8_t type[16];
    uint8_t name[40];
};
struct partition_table {
    uint32_t count;
    uint32_t scheme;
    const char *trouble;
    struct partition partition[32];
};
typedef kern_return_t partition_read_t(void *context, uint64_t block, uint32_t count, void *to);
void partition_read(struct partition_table *table, partition_read_t *read, void *context,
                    uint32_t block_size, uint64_t blocks);
