/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded set of operations on a handful of names, and what a file system has to look like after them: for power cuts and errors. The model is a copy of all
 * contents after each operation; what comes back after a cut has to be one of them.
 */
#pragma once

#include "images.h"
#include <guarantees.h>

enum {
    WORK_NAMES = 9,
    WORK_FILES = 16,
    WORK_BYTES = 16384,
    WORK_OPERATIONS = 23, /* kinds of operation */
    WORK_STEPS = 8,       /* in one sequence, at most */
};

struct work_file {
    bool folder;
    uint32_t mode; /* without the type */
    uint32_t size;
    uint8_t data[WORK_BYTES];
};

/** What lies there: for each name (workload.c) the number of its file, 0 for none. */
struct work_state {
    unsigned names[WORK_NAMES];
    unsigned next;
    struct work_file files[WORK_FILES];
};

struct work {
    unsigned steps;
    unsigned made[WORK_STEPS + 1]; /* by which operation, counted from 1; 0: nothing has changed */
    struct work_state states[WORK_STEPS + 1]; /* before the first, after each */
};

/** An image with what all sequences begin with, cleanly unmounted; and the state. */
struct card *work_begin(struct work *work, const char *arguments);
void work_restart(struct work *work);
/** Makes an operation on the file system and the model; both have to agree on the error, unless the file system fails with `may_fail`. */
int work_step(struct work *work, struct ext4 *fs, unsigned operation, bool *synced);
const char *work_name(unsigned operation);
/**
 * The state that is found, of those from `least` on; -1: it is none of them. What was written in place later may be there in part: bytes may be those of any state
 * from the found one on.
 */
int work_find(const struct work *work, struct ext4 *fs, unsigned least);
/** Which states are found, of those from `least` on: found[WORK_STEPS + 1]. */
void work_match(const struct work *work, struct ext4 *fs, unsigned least, bool *found);
/** A word for the kind of operation that led to this state; NULL: nothing has changed. */
const char *work_kind(const struct work *work, unsigned step);
/** What became of it where `found` is. Bytes written in place are those of before or after, sector by sector: that is checked. */
enum guarantee_outcome work_outcome(const struct work *work, struct ext4 *fs, const bool *found,
                                    unsigned step);
