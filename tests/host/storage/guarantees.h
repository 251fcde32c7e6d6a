/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of what was found after power cuts: of an operation, by where the cut fell and what became of it. tests/guarantees.py makes docs/guarantees.md of the lines that are printed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** Where power went away, seen from an operation. */
enum guarantee_point {
    GUARANTEE_WITHIN,   /* between the first write to the card that it made itself and the last */
    GUARANTEE_UNSYNCED, /* it had made its last, and nobody had begun to sync */
    GUARANTEE_SYNCING,  /* between the first write of the sync that covers it and the last */
    GUARANTEE_SYNCED,
    GUARANTEE_POINTS,
};

/** What is there of it. */
enum guarantee_outcome {
    GUARANTEE_OLD,    /* as before */
    GUARANTEE_NEW,    /* all of it */
    GUARANTEE_PREFIX, /* a size in between, with the bytes that belong there */
    GUARANTEE_MIXED,  /* the size of both, and sectors of before and of after */
    GUARANTEE_UNTOLD, /* other operations changed the same, so that it alone cannot be told: the state as a whole was judged */
    GUARANTEE_OUTCOMES,
};

/** Of an operation from one number of writes (and flushes) to another, and of its sync; false: it had not written anything yet. sync[1] is SIZE_MAX if there was none. */
bool guarantee_point_of(size_t events, const size_t operation[2], const size_t sync[2],
                        enum guarantee_point *point);
/** operation: a word that stays, the same for all that shall be counted together. */
void guarantee_count(const char *operation, enum guarantee_point point,
                     enum guarantee_outcome outcome);
/** A line for each count: `guarantee FORMAT OPERATION POINT OUTCOME COUNT`. */
void guarantee_print(const char *format);
