/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte ring under the log, in a form that another kernel finds again after a warm reset.
 *
 *   offset  0  magic, 4 version, 8 ...          header, one cache line (struct log_ring)
 *          64  text, `size` bytes; byte number n of the log stands at text[n % size]
 *
 * L1 all of the header but `head` is constant while the ring is in use, and covered by `checksum`
 * L2 `head` is one word that carries its own check, so that a reset at any instruction finds either
 *    the old or the new value: it is stored after the text it counts
 * L3 a persistent ring is written back to memory, text before head: a warm reset drops what is only
 *    in the caches
 *
 * No locks here; log.c serialises.
 */
#pragma once

#include <kern/types.h>
#include <stdatomic.h>

#define LOG_RING_MAGIC   UINT64_C(0x676f4c6672616857) /* "WharfLog" in memory */
#define LOG_RING_VERSION 1u

struct log_ring {
    uint64_t magic;
    uint32_t version;
    uint32_t generation; /* 1 for the first run after power-on, then one more each run */
    uint64_t size;       /* of text */
    uint64_t checksum;   /* of the members above */
    _Atomic uint64_t
        head; /* bits 47:0 bytes ever written, 63:48 check of these and the generation */
    uint64_t reserved[3];
    char text[];
};
_Static_assert(offsetof(struct log_ring, text) == 64, "the header is one cache line");

/* Make `ring` (`bytes` long in all) empty. */
void log_ring_init(struct log_ring *ring, size_t bytes, uint32_t generation, bool persistent);

/* `ring`, `bytes` long in all, is one that log_ring_init() made and nothing has damaged. */
bool log_ring_is_valid(const struct log_ring *ring, size_t bytes);

/* Add text, overwriting the oldest. */
void log_ring_append(struct log_ring *ring, const char *text, size_t length, bool persistent);

/* Number of the byte that is to come next. */
uint64_t log_ring_head(const struct log_ring *ring);

/* Copy the newest bytes, at most `size`, oldest first; returns how many. */
size_t log_ring_tail(const struct log_ring *ring, char *buffer, size_t size);

/* Copy the bytes from number *position on, or from the oldest there is, at most `size`; *position goes on behind them. Returns how
 * many. A position that is yet to come is the head. */
size_t log_ring_read(const struct log_ring *ring, uint64_t *position, char *buffer, size_t size);

/* Append all that `from` holds to `to`. */
void log_ring_copy(struct log_ring *to, const struct log_ring *from, bool persistent);
