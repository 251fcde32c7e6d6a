/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Wharf's own utilities share: the usual options, complaints, and the rights that a person at the shell has. A program that was started by the
 * shell has the bootstrap port of the session's first program (init): what that one's description lists can be asked for there.
 *
 * Exit status: 0; 1: something failed; 2: it was called in a way that makes no sense.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

enum { TOOL_FAILED = 1, TOOL_MISUSED = 2 };

/** What a tool says of itself: "NAME usage" and one line or more. */
struct tool {
    const char *name;
    const char *usage;   /* behind the name: "[-t] [TASK]" */
    const char *options; /* letters that getopt() knows */
    const char *help;    /* lines, each with its newline */
};

/** Options: call until -1 comes. --help prints and ends, what is unknown complains and ends. Like getopt(). */
int tool_option(const struct tool *tool, int argc, char **argv);
/** "NAME: text" on stderr. */
[[gnu::format(printf, 2, 3)]] void tool_complain(const struct tool *tool, const char *format, ...);
/** The same, and the end with TOOL_FAILED. */
[[gnu::noreturn, gnu::format(printf, 2, 3)]] void tool_fail(const struct tool *tool,
                                                            const char *format, ...);
/** How it is called, on stderr, and the end with TOOL_MISUSED. */
[[gnu::noreturn]] void tool_misuse(const struct tool *tool);
/** In words. */
const char *tool_error(kern_return_t error);

/** A power of the host, by its name in system descriptions ("host_tasks"). Ends the program if the session has none. */
mach_port_name_t tool_power(const struct tool *tool, const char *name);
/** A service. Ends the program if it is not to be had. */
mach_port_name_t tool_service(const struct tool *tool, const char *name);

/** A whole number, or the end with TOOL_MISUSED. */
uint64_t tool_number(const struct tool *tool, const char *text);
/** All output is written: the status to return from main(). */
int tool_end(const struct tool *tool, bool failed);
