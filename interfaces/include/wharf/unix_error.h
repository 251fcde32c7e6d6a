/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of POSIX in answers of servers (file.defs, process.defs): newlib's number of the error above a base that no other error reaches.
 */
#pragma once

#include <stdbool.h>
#include <wharf/error.h>

enum { UNIX_ERROR_BASE = 0x4000, UNIX_ERROR_MAX = 0x1000 };

/** As an answer; number: of <errno.h>. */
static inline kern_return_t unix_error(int number)
{
    return (kern_return_t)(UNIX_ERROR_BASE + number);
}

/** Is it one? */
static inline bool is_unix_error(kern_return_t kr)
{
    return (int)kr > UNIX_ERROR_BASE && (int)kr < UNIX_ERROR_BASE + UNIX_ERROR_MAX;
}

/** Its number in <errno.h>. */
static inline int unix_error_number(kern_return_t kr)
{
    return (int)kr - UNIX_ERROR_BASE;
}
