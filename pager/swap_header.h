/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page of a swap partition: what mkswap writes, and what the default pager believes before it uses one (docs/swap.md).
 *
 * H1 A header counts when its sum is right and all of it makes sense: what a partition holds is a stranger's.
 * H2 Numbers are little-endian, as this machine's are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SWAP_PAGE = 4096, SWAP_UUID = 16, SWAP_NAME = 16 };

#define SWAP_MAGIC          "wharf-swap area"
#define SWAP_HEADER_VERSION 1
/* So many slots does the kernel have for all areas together. */
#define SWAP_PAGES_MAX      (UINT32_C(4) << 20)
/* Fewer are not worth a request. */
#define SWAP_PAGES_LEAST    16

struct swap_header {
    char magic[16];
    uint32_t version;
    uint32_t page_size;
    uint32_t pages; /* of the area, this one not among them */
    uint32_t sum;   /* CRC-32 of the whole page with 0 here */
    uint8_t uuid[SWAP_UUID];
    char name[SWAP_NAME]; /* for people; zeros behind it */
};

/** Fill the first page of a partition of so many bytes. False: it is too small. */
bool swap_header_make(void *page, uint64_t partition_bytes, const uint8_t uuid[SWAP_UUID],
                      const char *name);
/** Whether a partition of so many bytes that begins with this page is a swap partition; *out is what the page says then. */
bool swap_header_read(const void *page, uint64_t partition_bytes, struct swap_header *out);
