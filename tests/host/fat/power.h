/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of power cuts share: small states of a file system as a model has them, operations that lead from one to the next, and what may be found
 * when power has gone away between two of them (docs/fat.md).
 */
#pragma once

#include "image.h"

enum { STATE_FILES = 12, STATE_SIZE = 12000, STATES = 8 };

/* A file that state_check() does not mind. */
#define STATE_OTHER "OTHER"

struct state_file {
    char path[300];
    bool folder, read_only;
    unsigned id; /* of what is in it; it goes with it when it is renamed */
    unsigned writes;
    size_t size;
    uint8_t bytes[STATE_SIZE];
};

struct state {
    unsigned count;
    struct state_file files[STATE_FILES];
};

/** What a run of operations went through. state[i] is what there was after operation i; promised[i]: events of the card when it was certain that it is on the medium; SIZE_MAX: never;
 *  syncing[i]: when that began; operations[i], spans[i]: which it was, and events before and behind it. */
struct history {
    unsigned count;
    struct state states[STATES];
    size_t promised[STATES], syncing[STATES];
    unsigned operations[STATES];
    size_t spans[STATES][2];
};

enum { OPERATIONS = 21 };

struct state_operation {
    const char *text;
    enum {
        STATE_MAKE,
        STATE_MAKE_FOLDER,
        STATE_APPEND,
        STATE_WRITE,
        STATE_SHORTEN,
        STATE_RESIZE,
        STATE_REMOVE,
        STATE_RENAME,
        STATE_PROTECT /* it becomes read-only */
    } kind;
    const char *path, *to;
    size_t at, size;
};

/** Fill a new file system, and say what it holds. */
void state_begin(struct fat *fat, struct state *state);
/** Operation number 0 to OPERATIONS - 1. False: it is none of this state's. */
bool state_do(struct fat *fat, unsigned operation, struct state *state);
const struct state_operation *state_operation(unsigned operation);
/** NULL: there is none. */
const struct state_file *state_find(const struct state *state, const char *path);
/** The card holds what power that went away after this many events may leave, and what there is then goes on being good. */
void state_check(struct card *card, const struct history *history, size_t events);
