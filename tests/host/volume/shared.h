/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a process that is killed: a card, with what a power cut would leave of it, and memory. shared_kill_at() makes a process die at one of its requests.
 */
#pragma once

#include <storage.h>

enum { SHARED_PIECE = 65536 };

struct shared {
    struct storage storage;
    uint8_t *bytes;   /* what reads return */
    uint8_t *flushed; /* what is there for certain */
    uint8_t *memory;  /* of the file system */
    size_t memory_size;
    uint8_t *unflushed; /* pieces of SHARED_PIECE bytes */
    uint64_t kill_at;   /* requests from now on; 0: never */
    uint64_t fail_at;   /* likewise */
    uint64_t requests;
};

/** Ends the program when there is no memory. */
struct shared *shared_make(uint64_t size, size_t memory_size);
/** Request `nth` from now on is the last thing that this process does: before it, half way or after it. */
void shared_kill_at(struct shared *shared, uint64_t nth);
/** Request `nth` from now on fails with EIO. */
void shared_fail_at(struct shared *shared, uint64_t nth);
/** What a power cut leaves of `from`, `to` has: of sectors that were not flushed any may be lost. */
void shared_cut(const struct shared *from, uint64_t (*random)(void), struct shared *to);
