/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log's byte ring; see log_ring.h for its layout and rules.
 */
#include "log_ring.h"

#include <arch/cache.h>
#include <kern/string.h>

#define HEAD_BITS 48
#define HEAD_MASK ((UINT64_C(1) << HEAD_BITS) - 1)

/* FNV-1a: plenty against random damage, which is all there is to detect. */
static uint64_t checksum(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        /* Every byte of a ring has been written, by this run or an earlier one; analysers cannot know. */
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t header_checksum(const struct log_ring *ring)
{
    return checksum(ring, offsetof(struct log_ring, checksum));
}

/* The count of bytes written with its check (L2). */
static uint64_t seal_head(uint64_t count, uint32_t generation)
{
    uint64_t part[2] = {count, generation};

    return count | checksum(part, sizeof(part)) >> HEAD_BITS << HEAD_BITS;
}

uint64_t log_ring_head(const struct log_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_relaxed) & HEAD_MASK;
}

static void write_back(const void *start, size_t size, bool persistent)
{
    if (persistent)
        arch_cache_clean(start, size);
}

void log_ring_init(struct log_ring *ring, size_t bytes, uint32_t generation, bool persistent)
{
    /* Whoever looks at a header that is being replaced must not take it for a valid one. */
    ring->magic = 0;
    write_back(ring, sizeof(*ring), persistent);
    ring->version = LOG_RING_VERSION;
    ring->generation = generation;
    ring->size = bytes - sizeof(*ring);
    memset(ring->reserved, 0, sizeof(ring->reserved));
    atomic_store_explicit(&ring->head, seal_head(0, generation), memory_order_relaxed);
    write_back(ring, sizeof(*ring), persistent);
    ring->magic = LOG_RING_MAGIC;
    ring->checksum = header_checksum(ring);
    write_back(ring, sizeof(*ring), persistent);
}

bool log_ring_is_valid(const struct log_ring *ring, size_t bytes)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    return ring->magic == LOG_RING_MAGIC && ring->version == LOG_RING_VERSION &&
           ring->size == bytes - sizeof(*ring) && ring->checksum == header_checksum(ring) &&
           head == seal_head(head & HEAD_MASK, ring->generation);
}

void log_ring_append(struct log_ring *ring, const char *text, size_t length, bool persistent)
{
    uint64_t head = log_ring_head(ring);

    while (length > 0) {
        size_t at = head % ring->size;
        size_t piece = length < ring->size - at ? length : ring->size - at;

        memcpy(ring->text + at, text, piece);
        write_back(ring->text + at, piece, persistent);
        head += piece;
        text += piece;
        length -= piece;
    }
    atomic_store_explicit(&ring->head, seal_head(head & HEAD_MASK, ring->generation),
                          memory_order_release);
    write_back(ring, sizeof(*ring), persistent);
}

/* The piece without wrap that starts `left` bytes before the head; *text is where. */
static size_t piece_before_head(const struct log_ring *ring, size_t left, const char **text)
{
    size_t at = (log_ring_head(ring) - left) % ring->size;

    *text = ring->text + at;
    return left < ring->size - at ? left : ring->size - at;
}

static size_t stored(const struct log_ring *ring)
{
    uint64_t head = log_ring_head(ring);

    return head < ring->size ? head : ring->size;
}

size_t log_ring_tail(const struct log_ring *ring, char *buffer, size_t size)
{
    size_t count = stored(ring) < size ? stored(ring) : size;

    for (size_t left = count, piece; left > 0; left -= piece, buffer += piece) {
        const char *text;

        piece = piece_before_head(ring, left, &text);
        memcpy(buffer, text, piece);
    }
    return count;
}

size_t log_ring_read(const struct log_ring *ring, uint64_t *position, char *buffer, size_t size)
{
    uint64_t head = log_ring_head(ring), oldest = head - stored(ring);

    if (*position > head)
        *position = head;
    if (*position < oldest)
        *position = oldest;
    size_t count = head - *position < size ? (size_t)(head - *position) : size;
    for (size_t left = count, piece; left > 0; left -= piece, buffer += piece, *position += piece) {
        const char *text;

        piece = piece_before_head(ring, (size_t)(head - *position), &text);
        if (piece > left)
            piece = left;
        memcpy(buffer, text, piece);
    }
    return count;
}

void log_ring_copy(struct log_ring *to, const struct log_ring *from, bool persistent)
{
    for (size_t left = stored(from), piece; left > 0; left -= piece) {
        const char *text;

        piece = piece_before_head(from, left, &text);
        log_ring_append(to, text, piece, persistent);
    }
}
