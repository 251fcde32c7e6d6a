/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See table.h. Open addressing: a number's row is at its place, or at the first free one behind it.
 */
#include "table.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

static uint32_t number_at(const struct table *table, size_t i)
{
    uint32_t number;
    memcpy(&number, table->rows + i * table->size, sizeof number);
    return number;
}

/* Where the number is, or would be: there is always a free row. */
static size_t place_of(const struct table *table, uint32_t number)
{
    const uint32_t hash = number * UINT32_C(2654435761);
    size_t i = hash & (table->room - 1);

    while (number_at(table, i) != 0 && number_at(table, i) != number)
        i = (i + 1) & (table->room - 1);
    return i;
}

static bool grow(struct table *table)
{
    struct table larger = *table;

    larger.room = table->room ? table->room * 2 : FIRST_ROOM;
    larger.rows = calloc(larger.room, larger.size);
    if (!larger.rows)
        return false;
    for (size_t i = 0; i < table->room; i++) {
        const uint32_t number = number_at(table, i);
        if (number != 0)
            memcpy(larger.rows + place_of(&larger, number) * table->size,
                   table->rows + i * table->size, table->size);
    }
    free(table->rows);
    table->rows = larger.rows;
    table->room = larger.room;
    return true;
}

void *table_find(const struct table *table, uint32_t number)
{
    if (number == 0 || table->room == 0)
        return NULL;
    const size_t i = place_of(table, number);
    return number_at(table, i) == number ? table->rows + i * table->size : NULL;
}

void *table_have(struct table *table, uint32_t number)
{
    void *row = table_find(table, number);

    if (row || number == 0)
        return row;
    if (table->used * 4 >= table->room * 3 && !grow(table))
        return NULL;
    row = table->rows + place_of(table, number) * table->size;
    memcpy(row, &number, sizeof number);
    table->used++;
    return row;
}

void *table_next(const struct table *table, const void *row)
{
    size_t i = row ? (size_t)((const unsigned char *)row - table->rows) / table->size + 1 : 0;

    while (i < table->room && number_at(table, i) == 0)
        i++;
    return i < table->room ? table->rows + i * table->size : NULL;
}

void table_free(struct table *table)
{
    free(table->rows);
    table->rows = NULL;
    table->used = table->room = 0;
}
