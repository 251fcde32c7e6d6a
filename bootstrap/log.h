/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines of the supervisor and of the programs it runs.
 */
#pragma once

#include <stddef.h>

/** A line of the supervisor's own. */
[[gnu::format(printf, 1, 2)]] void log_line(const char *format, ...);

/** What a program says: each line of it with the program's name before it; what is not printable becomes '?'. */
void log_program(const char *name, const char *text);
