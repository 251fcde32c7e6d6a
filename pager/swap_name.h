/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How people name a swap partition: sd0p2, or its block service and its number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    SWAP_DEVICE_MAX = 40,
    SWAP_PARTITIONS_MAX = 32,
    SWAP_NAME_TEXT = SWAP_DEVICE_MAX + 12 /* "p", a number, and a zero behind it */
};

struct swap_name {
    char device[SWAP_DEVICE_MAX]; /* the block service */
    uint32_t partition;
};

/** One word or two. sd0 alone is the whole device. False: that names none. */
bool swap_name_read(const char *const *words, int count, struct swap_name *out);
/** Such a word, for what is told about an area: device, with zeros behind it unless it is as long as it may be. */
void swap_name_write(const char device[SWAP_DEVICE_MAX], uint32_t partition,
                     char out[SWAP_NAME_TEXT]);
