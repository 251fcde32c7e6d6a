/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes, of a device that has blocks: any position and length, at the cost of one request for each areaful, and of one for each end of what is
 * written that is not a whole block.
 */
#pragma once

#include <libsys/block_client.h>

/** Bytes of it. The driver's numbers have been checked (bytes_are_countable). */
static inline uint64_t bytes_of(const struct block_client *client)
{
    return client->facts.blocks * client->facts.block_size;
}

/** False: it says that it has more than there can be. */
static inline bool bytes_are_countable(const struct block_facts *facts)
{
    return facts->block_size != 0 && facts->blocks <= (uint64_t)INT64_MAX / facts->block_size;
}

/** *got less than size: the end; or an error, which the next read tells. Errors: those of block_client_do, when nothing has been read. */
kern_return_t bytes_read(struct block_client *client, uint64_t position, void *to, uint32_t size,
                         uint32_t *got);
/** *written less than size: as with reading. KERN_LIMIT: the end is where it would begin. What is beside it in the first and last block stays, if nobody else writes there meanwhile. */
kern_return_t bytes_write(struct block_client *client, uint64_t position, const void *from,
                          uint32_t size, uint32_t *written);
