/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring through which a client asks a block device (interfaces/block.defs). It lies in the first page of the area that the
 * client attaches; the data in the rest of it, wherever the client wants it.
 *
 * R1 `submitted` and `answered` only grow (modulo 2^32); submitted - answered is at most BLOCK_RING_ENTRIES. The client writes a
 *    request, then `submitted` (release); the driver reads `submitted` (acquire), then the request. Answers the other way round.
 * R2 Each side takes what the other wrote as a stranger's: it copies a request or an answer once, and checks the copy.
 * R3 An answer says which request it is of by its id. Requests may be answered in any order; what one writes another reads if the
 *    second was submitted after the first was answered. FLUSH: everything that was answered before it was submitted is on the
 *    medium when it is answered.
 * R4 Requests can be carried out twice. So a client asks again, with the same ids, for all that has not been answered when the
 *    driver has ended and it has attached to the next: with a fresh ring, for an old one may be half written.
 */
#pragma once

#include <stdint.h>

enum {
    BLOCK_RING_MAGIC = 0x626c6b31,
    BLOCK_RING_ENTRIES = 64,
    BLOCK_RING_PAGE = 4096, /* data begins behind it */
};

enum block_operation {
    BLOCK_READ = 0,
    BLOCK_WRITE = 1,
    BLOCK_FLUSH = 2,   /* block and count are 0 */
    BLOCK_DISCARD = 3, /* what the blocks hold is not wanted any more */
};

struct block_request {
    uint64_t id;     /* the client's; high half: a generation that changes with each attachment */
    uint64_t block;  /* of the partition */
    uint64_t offset; /* in the area: a multiple of 512, at least BLOCK_RING_PAGE */
    uint32_t count;  /* blocks */
    uint32_t operation;
};

struct block_answer {
    uint64_t id;
    uint32_t
        result; /* kern_return_t: KERN_SUCCESS; KERN_MEMORY_ERROR: the medium failed; KERN_MEMORY_FAILURE: there is none, or another;
                        KERN_INVALID_ARGUMENT: out of range; KERN_NOT_SUPPORTED; KERN_PROTECTION_FAILURE: it cannot be written */
    uint32_t zero;
};

struct block_ring {
    uint32_t magic; /* written by the client before it attaches */
    uint32_t entries;
    _Atomic uint32_t submitted;    /* client */
    _Atomic uint32_t answered;     /* driver */
    _Atomic uint32_t want_kick;    /* driver: 0: it looks by itself, no kick is needed */
    _Atomic uint32_t want_message; /* client: 0: it looks by itself */
    uint32_t zero[10];
    struct block_request request[BLOCK_RING_ENTRIES];
    struct block_answer answer[BLOCK_RING_ENTRIES];
};
_Static_assert(sizeof(struct block_ring) <= BLOCK_RING_PAGE);
