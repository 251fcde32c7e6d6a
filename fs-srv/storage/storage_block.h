/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A <storage.h> on a partition of a block service (interfaces/block.defs). The driver may be restarted meanwhile: whoever uses it sees a pause.
 *
 * T4 What a request of ours has been answered for is with the driver, which may have told its card and not flushed it: it outlives this program, not the power.
 */
#pragma once

#include <libsys/block_client.h>
#include <storage.h>

/** Bytes under way at once: what every partition can have, whatever others have, with the page of the ring. */
enum { STORAGE_BLOCK_AREA = 252 * 1024 };

/** Since it was opened. */
struct storage_counts {
    uint64_t reads, writes, flushes, bytes_read, bytes_written;
};

struct storage_block {
    struct storage storage;
    struct block_client client;
    struct storage_counts
        counts; /* the thread that uses it; who else reads them may see old ones */
};

/** service: `block.` and a disk's name. Errors: those of block_client_open(). */
kern_return_t storage_block_open(struct storage_block *block, const char *service,
                                 uint32_t partition);
