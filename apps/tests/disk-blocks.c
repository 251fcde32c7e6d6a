/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk-blocks.h. */
#include "disk-blocks.h"

#define MAGIC UINT64_C(0x6b736964206c6c61)

static uint64_t checksum_of(const struct block_image *image)
{
    uint64_t sum = image->number * UINT64_C(0x9e3779b97f4a7c15) ^ image->generation;

    for (unsigned i = 0; i < DISK_BLOCK_WORDS - 4; i++)
        sum = (sum << 7 | sum >> 57) ^ image->words[i];
    return sum;
}

void block_fill(struct block_image *image, uint64_t number, uint32_t generation)
{
    image->magic = MAGIC;
    image->number = number;
    image->generation = generation;
    for (unsigned i = 0; i < DISK_BLOCK_WORDS - 4; i++)
        image->words[i] = (number << 32 | generation) * (2 * i + 1);
    image->checksum = checksum_of(image);
}

bool block_is(const struct block_image *image, uint64_t number, uint32_t generation)
{
    return image->magic == MAGIC && image->number == number && image->generation == generation &&
           image->checksum == checksum_of(image);
}
