/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A series of measurements of one row, and the line that bench.py reads:
 *
 *      bench: NAME UNIT DIVISOR MINIMUM MEDIAN MAXIMUM
 *
 * The three numbers are for DIVISOR operations each.
 */
#pragma once

#include <stdint.h>

enum { SERIES_LENGTH = 21, REPEATS = 1000 };

struct series {
    uint64_t value[SERIES_LENGTH];
    unsigned count;
};

void series_add(struct series *series, uint64_t value);
void series_print(struct series *series, const char *name, const char *unit, unsigned divisor);
/** A row with one value. */
void row_print(const char *name, const char *unit, uint64_t value);
/** SERIES_LENGTH batches of loop(REPEATS), after two to warm up, each less `overhead`. */
void series_run(struct series *series, uint64_t (*loop)(uint64_t), uint64_t overhead);
