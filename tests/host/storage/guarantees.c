/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See guarantees.h.
 */
#include "guarantees.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS = 32 };

static struct {
    const char *operation; /* NULL: no more of them */
    unsigned long counts[GUARANTEE_POINTS][GUARANTEE_OUTCOMES];
} rows[OPERATIONS];

bool guarantee_point_of(size_t events, const size_t operation[2], const size_t sync[2],
                        enum guarantee_point *point)
{
    if (events >= sync[1])
        *point = GUARANTEE_SYNCED;
    else if (sync[1] != SIZE_MAX && events > sync[0])
        *point = GUARANTEE_SYNCING;
    else
        *point = events < operation[1] ? GUARANTEE_WITHIN : GUARANTEE_UNSYNCED;
    return events > operation[0] || events >= operation[1];
}

void guarantee_count(const char *operation, enum guarantee_point point,
                     enum guarantee_outcome outcome)
{
    unsigned i = 0;

    while (i < OPERATIONS && rows[i].operation && strcmp(rows[i].operation, operation) != 0)
        i++;
    if (i == OPERATIONS)
        abort();
    rows[i].operation = operation;
    rows[i].counts[point][outcome]++;
}

void guarantee_print(const char *format)
{
    static const char *const points[] = {"within", "unsynced", "syncing", "synced"};
    static const char *const outcomes[] = {"old", "new", "prefix", "mixed", "untold"};

    for (unsigned i = 0; i < OPERATIONS && rows[i].operation; i++)
        for (unsigned p = 0; p < GUARANTEE_POINTS; p++)
            for (unsigned o = 0; o < GUARANTEE_OUTCOMES; o++)
                if (rows[i].counts[p][o] != 0)
                    printf("guarantee %s %s %s %s %lu\n", format, rows[i].operation, points[p],
                           outcomes[o], rows[i].counts[p][o]);
}
