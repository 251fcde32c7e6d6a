/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a partition becomes one for swap: for mkswap, and for tests and benchmarks that bring their own.
 */
#pragma once

#include "swap_header.h"
#include <libsys/block_client.h>

/** Write the header to a partition, whose client has SWAP_PAGE bytes at least: it is there then. KERN_INVALID_ARGUMENT: the partition is too small; else as
 *  block_client_do(). */
kern_return_t swap_format(struct block_client *disk, const uint8_t uuid[SWAP_UUID],
                          const char *name);
