/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of one kind, found by a number that is not 0. A row begins with its number (uint32_t); the rest of a new one is zero.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
    size_t size;         /* of a row; constant */
    size_t used, room;   /* rows; room: a power of two, or 0 at first */
    unsigned char *rows; /* of `room`; those whose number is 0 are free */
};

/** The row of a number; NULL: there is none. Rows move when others come. */
void *table_find(const struct table *table, uint32_t number);
/** The same, and if there was none it is new. NULL: there is no memory, or the number is 0. */
void *table_have(struct table *table, uint32_t number);
/** The next row after `row` in no order, NULL: the first. NULL: there are no more. */
void *table_next(const struct table *table, const void *row);
/** Gives its memory back. */
void table_free(struct table *table);
