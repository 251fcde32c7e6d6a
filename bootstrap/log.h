/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines of the supervisor and of the programs it runs.
 */
#pragma once

#include <wharf/message.h>

#include <stddef.h>
#include <stdint.h>

/** Who is told that there is something new (interfaces/console.defs): a send right, which stays; MSG_NULL: nobody. */
void log_set_console(mach_port_name_t console);

/** A line of the supervisor's own. By any thread. */
[[gnu::format(printf, 1, 2)]] void log_line(const char *format, ...);

/** What a program may say: so many lines a second; the others are counted. Begins as zero. */
struct log_allowance {
    uint64_t since; /* of this second */
    unsigned lines, left_out;
};

/** What a program says: each line of it with the program's name before it; what is not printable becomes '?'. */
void log_program(struct log_allowance *allowance, const char *name, const char *text);
