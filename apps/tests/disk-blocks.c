/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk-blocks.h. */
#include "disk-blocks.h"
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>

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

uint64_t number_argument(const char *name, uint64_t otherwise)
{
    const char *at = strstr(program_start_info->arguments, name);

    return at ? strtoull(at + strlen(name), NULL, 0) : otherwise;
}

const char *word_argument(const char *name, char *value, size_t size)
{
    const char *at = strstr(program_start_info->arguments, name);

    value[0] = '\0';
    if (!at)
        return value;
    at += strlen(name);
    for (size_t i = 0; i < size - 1 && at[i] != '\0' && at[i] != ' ' && at[i] != ','; i++) {
        value[i] = at[i];
        value[i + 1] = '\0';
    }
    return value;
}
