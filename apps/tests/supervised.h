/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests ask the supervisor, and servers that may die meanwhile. Failures are counted (<libsys/check.h>).
 */
#pragma once

#include <libsys/check.h>
#include <stdbool.h>
#include <stdint.h>
#include <wharf/if/supervisor.h>
#include <wharf/message.h>

/** The row of a program; false: there is none of that name, which is a failure. */
bool supervised_row(mach_port_name_t supervisor, const char *name, struct supervisor_row *row);

/** The program has been started, and has not ended for good. */
bool supervised_goes_on(mach_port_name_t supervisor, const char *name);

/** How many programs there are. 0: it does not tell, which is a failure. */
uint32_t supervised_count(mach_port_name_t supervisor);

/** Until the program runs, and has been restarted `restarts` times or more, `nanoseconds` at most. False: it does not, which is a failure. */
bool supervised_wait(mach_port_name_t supervisor, const char *name, uint32_t restarts,
                     uint64_t nanoseconds, struct supervisor_row *row);

/** Who asks a server that dies asks its successor. */
#define ASK(call)                         \
    ({                                    \
        kern_return_t asked;              \
        do                                \
            asked = (call);               \
        while (asked == MIG_SERVER_DIED); \
        asked;                            \
    })
