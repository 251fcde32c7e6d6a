/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How people name a swap partition: sd0p2, or its block service and its number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { SWAP_DEVICE_MAX = 40, SWAP_PARTITIONS_MAX = 32 };

struct swap_name {
    char device[SWAP_DEVICE_MAX]; /* the block service */
    uint32_t partition;
};

/** One word or two. sd0 alone is the whole device. False: that names none. */
bool swap_name_read(const char *const *words, int count, struct swap_name *out);
