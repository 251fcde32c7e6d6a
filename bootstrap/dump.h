/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a core lies in a raw partition: a header in the first block, the core from DUMP_DATA on. `./wharf core` reads it (ci/wharf/core.py). All
 * numbers are little-endian.
 *
 * D1 The header is written last: where it is whole, the core is. Sums are those of zlib's crc32.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DUMP_DATA = 4096, DUMP_VERSION = 1 };

struct dump_header {
    char magic[8];       /* "WHARFDMP" */
    uint32_t version;    /* DUMP_VERSION */
    uint32_t header_sum; /* of this structure with 0 here */
    uint64_t size;       /* of the core */
    uint32_t core_sum;   /* of the core */
    uint32_t zero;
    uint64_t moment;  /* nanoseconds since boot */
    char program[64]; /* ends in a NUL */
};
_Static_assert(sizeof(struct dump_header) == 104, "format");

/** A sum goes on from the one so far; the first is 0. */
uint32_t dump_sum(uint32_t sum, const void *bytes, size_t size);

/** The header of a core. program: at most 63 characters count. */
struct dump_header dump_header_of(uint64_t size, uint32_t core_sum, uint64_t moment,
                                  const char *program);
