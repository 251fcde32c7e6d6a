/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ulimit: the greatest size of a file, in blocks of 512 bytes.
 */
#include "errors.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <ulimit.h>

enum { BLOCK = 512 };

static long in_blocks(rlim_t bytes)
{
    return bytes == RLIM_INFINITY || bytes / BLOCK > LONG_MAX ? LONG_MAX : (long)(bytes / BLOCK);
}

static long set(long blocks)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return -1;
    limit.rlim_cur =
        blocks < 0 || blocks > LONG_MAX / BLOCK ? RLIM_INFINITY : (rlim_t)blocks * BLOCK;
    return setrlimit(RLIMIT_FSIZE, &limit) != 0 ? -1 : in_blocks(limit.rlim_cur);
}

long ulimit(int command, ...)
{
    struct rlimit limit;
    va_list arguments;
    long result = -1;

    va_start(arguments, command);
    if (command == UL_SETFSIZE)
        result = set(va_arg(arguments, long));
    else if (command != UL_GETFSIZE)
        result = posix_error(EINVAL);
    else if (getrlimit(RLIMIT_FSIZE, &limit) == 0)
        result = in_blocks(limit.rlim_cur);
    va_end(arguments);
    return result;
}
