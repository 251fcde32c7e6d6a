/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See supervised.h.
 */
#include "supervised.h"
#include <libsys/kernel.h>
#include <string.h>

/* Whether to go on with the next row. */
typedef bool each_row_t(void *context, const struct supervisor_row *row);

static bool go_through(mach_port_name_t supervisor, each_row_t *each, void *context)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, count;

    do {
        if (!CHECK_EQUAL(supervisor_list(supervisor, position, &position, rows, &count),
                         KERN_SUCCESS))
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (!each(context, &rows[i]))
                return true;
    } while (count == SUPERVISOR_ROWS_MAX);
    return true;
}

struct search {
    const char *name;
    struct supervisor_row *row;
    bool found;
};

static bool look(void *context, const struct supervisor_row *row)
{
    struct search *search = context;

    if (strncmp((const char *)row->name, search->name, sizeof(row->name)) != 0)
        return true;
    *search->row = *row;
    search->found = true;
    return false;
}

bool supervised_row(mach_port_name_t supervisor, const char *name, struct supervisor_row *row)
{
    struct search search = {.name = name, .row = row};

    return go_through(supervisor, look, &search) && CHECK(search.found);
}

bool supervised_goes_on(mach_port_name_t supervisor, const char *name)
{
    struct supervisor_row row = {0};

    return supervised_row(supervisor, name, &row) && row.state != SUPERVISOR_STATE_STOPPED &&
           row.state != SUPERVISOR_STATE_FAILED;
}

static bool count_one(void *context, const struct supervisor_row *row)
{
    (void)row;
    ++*(uint32_t *)context;
    return true;
}

uint32_t supervised_count(mach_port_name_t supervisor)
{
    uint32_t count = 0;

    return go_through(supervisor, count_one, &count) ? count : 0;
}

bool supervised_wait(mach_port_name_t supervisor, const char *name, uint32_t restarts,
                     uint64_t nanoseconds, struct supervisor_row *row)
{
    const uint64_t end = kernel_clock_now() + nanoseconds;

    while (supervised_row(supervisor, name, row) && kernel_clock_now() < end) {
        if (row->state == SUPERVISOR_STATE_RUNNING && row->restarts >= restarts)
            return true;
        (void)!kernel_sleep_until(kernel_clock_now() + 1000000);
    }
    return CHECK(!"the program runs") && false;
}
