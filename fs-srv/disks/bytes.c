/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See bytes.h.
 */
#include "bytes.h"
#include <string.h>

/** What one request moves: `bytes` bytes, `head` behind the beginning of the first of `count` blocks. */
struct span {
    uint64_t block;
    uint32_t count, head, bytes;
};

/* As much as the area holds. */
static struct span span_of(const struct block_client *client, uint64_t position, uint32_t size)
{
    const uint32_t block_size = client->facts.block_size;
    const uint64_t room = client->data_size / block_size * block_size;
    const uint32_t head = (uint32_t)(position % block_size);
    const uint32_t bytes = size < room - head ? size : (uint32_t)(room - head);

    return (struct span){
        .block = position / block_size,
        .count = (head + bytes + block_size - 1) / block_size,
        .head = head,
        .bytes = bytes,
    };
}

/* Of so many bytes at a position, those that are there. */
static uint32_t up_to_the_end(const struct block_client *client, uint64_t position, uint32_t size)
{
    const uint64_t end = bytes_of(client);

    if (position >= end)
        return 0;
    return size < end - position ? size : (uint32_t)(end - position);
}

kern_return_t bytes_read(struct block_client *client, uint64_t position, void *to, uint32_t size,
                         uint32_t *got)
{
    kern_return_t kr = KERN_SUCCESS;

    *got = 0;
    size = up_to_the_end(client, position, size);
    while (*got < size) {
        const struct span span = span_of(client, position + *got, size - *got);
        kr = block_client_do(client, BLOCK_READ, span.block, span.count, 0);
        if (kr != KERN_SUCCESS)
            break;
        memcpy((char *)to + *got, client->data + span.head, span.bytes);
        *got += span.bytes;
    }
    return *got != 0 ? KERN_SUCCESS : kr;
}

/* The blocks at its ends, where not all of them is written. */
static kern_return_t read_ends(struct block_client *client, const struct span *span)
{
    const uint32_t block_size = client->facts.block_size, last = span->count - 1;
    const bool whole_end = (span->head + span->bytes) % block_size == 0;
    kern_return_t kr = KERN_SUCCESS;

    if (span->head != 0 || (last == 0 && !whole_end))
        kr = block_client_do(client, BLOCK_READ, span->block, 1, 0);
    if (kr == KERN_SUCCESS && last != 0 && !whole_end)
        kr = block_client_do(client, BLOCK_READ, span->block + last, 1, (size_t)last * block_size);
    return kr;
}

kern_return_t bytes_write(struct block_client *client, uint64_t position, const void *from,
                          uint32_t size, uint32_t *written)
{
    const uint32_t whole = up_to_the_end(client, position, size);
    kern_return_t kr = KERN_SUCCESS;

    *written = 0;
    if (whole == 0 && size != 0)
        return KERN_LIMIT;
    while (*written < whole) {
        const struct span span = span_of(client, position + *written, whole - *written);
        kr = read_ends(client, &span);
        if (kr != KERN_SUCCESS)
            break;
        memcpy(client->data + span.head, (const char *)from + *written, span.bytes);
        kr = block_client_do(client, BLOCK_WRITE, span.block, span.count, 0);
        if (kr != KERN_SUCCESS)
            break;
        *written += span.bytes;
    }
    return *written != 0 ? KERN_SUCCESS : kr;
}
