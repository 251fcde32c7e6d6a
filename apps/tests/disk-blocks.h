/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that say which they are and of which write, with a checksum: what the tests of disks write, and know again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_BLOCK = 512, DISK_BLOCK_WORDS = DISK_BLOCK / 8 };

struct block_image {
    uint64_t magic, number, generation, checksum;
    uint64_t words[DISK_BLOCK_WORDS - 4];
};
_Static_assert(sizeof(struct block_image) == DISK_BLOCK, "a block");

void block_fill(struct block_image *image, uint64_t number, uint32_t generation);
/** It is what block_fill() made of these two, to the last bit. */
bool block_is(const struct block_image *image, uint64_t number, uint32_t generation);
