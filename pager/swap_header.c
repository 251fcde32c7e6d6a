/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page of a swap partition (swap_header.h).
 */
#include "swap_header.h"
#include <string.h>

/* Of a page whose own sum is 0. */
static uint32_t crc32(const uint8_t *at, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

static uint32_t sum_of(const void *page)
{
    uint8_t copy[SWAP_PAGE];

    memcpy(copy, page, SWAP_PAGE);
    memset(copy + offsetof(struct swap_header, sum), 0, sizeof(uint32_t));
    return crc32(copy, SWAP_PAGE);
}

/* Of a partition of so many bytes; 0: it is too small. */
static uint32_t pages_of(uint64_t partition_bytes)
{
    const uint64_t pages = partition_bytes / SWAP_PAGE;

    if (pages < SWAP_PAGES_LEAST + 1)
        return 0;
    return pages - 1 < SWAP_PAGES_MAX ? (uint32_t)(pages - 1) : SWAP_PAGES_MAX;
}

bool swap_header_make(void *page, uint64_t partition_bytes, const uint8_t uuid[SWAP_UUID],
                      const char *name)
{
    struct swap_header header = {
        .magic = SWAP_MAGIC,
        .version = SWAP_HEADER_VERSION,
        .page_size = SWAP_PAGE,
        .pages = pages_of(partition_bytes),
    };
    const size_t length = strlen(name);

    if (header.pages == 0)
        return false;
    memcpy(header.uuid, uuid, SWAP_UUID);
    memcpy(header.name, name, length < SWAP_NAME ? length : SWAP_NAME - 1);
    memset(page, 0, SWAP_PAGE);
    memcpy(page, &header, sizeof(header));
    header.sum = sum_of(page);
    memcpy(page, &header, sizeof(header));
    return true;
}

bool swap_header_read(const void *page, uint64_t partition_bytes, struct swap_header *out)
{
    struct swap_header header;

    memcpy(&header, page, sizeof(header));
    if (memcmp(header.magic, SWAP_MAGIC, sizeof(header.magic)) != 0 ||
        header.version != SWAP_HEADER_VERSION || header.page_size != SWAP_PAGE ||
        header.sum != sum_of(page))
        return false;
    if (header.pages < SWAP_PAGES_LEAST || header.pages > pages_of(partition_bytes) ||
        header.name[SWAP_NAME - 1] != '\0')
        return false;
    *out = header;
    return true;
}
