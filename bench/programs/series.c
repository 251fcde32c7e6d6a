/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Series of measurements.
 */
#include "series.h"
#include "row.h"
#include <libsys/print.h>
#include <libsys/string.h>
#include <stddef.h>

/** Insertion: the series stays sorted. */
void series_add(struct series *series, uint64_t value)
{
    unsigned at = series->count;

    if (at == SERIES_LENGTH)
        return;
    for (; at > 0 && series->value[at - 1] > value; at--)
        series->value[at] = series->value[at - 1];
    series->value[at] = value;
    series->count++;
}

void series_print(struct series *series, const char *name, const char *unit, unsigned divisor)
{
    if (series->count == 0)
        return;
    print("bench: %s %s %u %lu %lu %lu\n", name, unit, divisor, series->value[0],
          series->value[series->count / 2], series->value[series->count - 1]);
}

void row_print(const char *name, const char *unit, uint64_t value)
{
    print("bench: %s %s 1 %lu %lu %lu\n", name, unit, value, value, value);
}

void series_run(struct series *series, uint64_t (*loop)(uint64_t), uint64_t overhead)
{
    (void)loop(REPEATS);
    (void)loop(REPEATS);
    for (unsigned i = 0; i < SERIES_LENGTH; i++)
        series_add(series, loop(REPEATS) - overhead);
}

bool row_is_wanted(const char *name, int argc, char **argv)
{
    bool wanted = argc == 1;
    for (int i = 1; i < argc; i++)
        wanted |= strcmp(argv[i], name) == 0;
    return wanted;
}

void rows_run(const struct row *rows, unsigned count, uint64_t overhead, int argc, char **argv)
{
    static struct series series;
    for (unsigned i = 0; i < count; i++) {
        if (!row_is_wanted(rows[i].name, argc, argv))
            continue;
        if (rows[i].prepare != NULL)
            rows[i].prepare();
        series.count = 0;
        series_run(&series, rows[i].loop, overhead);
        series_print(&series, rows[i].name, "instructions", REPEATS);
    }
}
