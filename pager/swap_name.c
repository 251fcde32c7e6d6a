/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of swap partitions (swap_name.h).
 */
#include "swap_name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char service[] = "block.";

/* All of it is a number of a partition. */
static bool read_number(const char *text, uint32_t *out)
{
    uint32_t number = 0;

    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint32_t)(*text - '0');
        if (number >= SWAP_PARTITIONS_MAX)
            return false;
    }
    *out = number;
    return true;
}

/* A digit, `p` and a number end the name of a partition: sd0p2. */
static size_t device_length(const char *text, uint32_t *partition)
{
    const char *p = strrchr(text, 'p');

    if (p && p > text && p[-1] >= '0' && p[-1] <= '9' && read_number(p + 1, partition))
        return (size_t)(p - text);
    *partition = 0;
    return strlen(text);
}

bool swap_name_read(const char *const *words, int count, struct swap_name *out)
{
    if (count < 1 || count > 2 || words[0][0] == '\0')
        return false;
    const bool full = strncmp(words[0], service, sizeof(service) - 1) == 0;
    const size_t head = full ? 0 : sizeof(service) - 1;
    size_t length = strlen(words[0]);
    if (count == 1)
        length = device_length(words[0], &out->partition);
    else if (!read_number(words[1], &out->partition))
        return false;
    if (head + length >= SWAP_DEVICE_MAX)
        return false;
    memset(out->device, 0, sizeof(out->device));
    memcpy(out->device, service, head);
    memcpy(out->device + head, words[0], length);
    return true;
}

void swap_name_write(const char device[SWAP_DEVICE_MAX], uint32_t partition,
                     char out[SWAP_NAME_TEXT])
{
    const bool full = strncmp(device, service, sizeof(service) - 1) == 0;
    const size_t head = full ? sizeof(service) - 1 : 0;
    const int length =
        snprintf(out, SWAP_NAME_TEXT, "%.*s", (int)(SWAP_DEVICE_MAX - head), device + head);

    if (partition != 0)
        snprintf(out + length, SWAP_NAME_TEXT - (size_t)length, "p%" PRIu32, partition);
}
