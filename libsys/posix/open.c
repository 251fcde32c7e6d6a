/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and closing files, and other numbers for the same open file.
 */
#include "../newlib/calls.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <fcntl.h>
#include <libsys/stub.h>
#include <stdarg.h>
#include <unistd.h>
#include <wharf/if/file_types.h>

enum { PERMISSIONS = 07777 };

/* open()'s flags as file.defs has them. 0: there is no such access. */
static uint32_t translate(int flags)
{
    static const struct {
        int from;
        uint32_t to;
    } same[] = {
        {O_CREAT, FILE_CREATE},        {O_EXCL, FILE_EXCLUSIVE},    {O_TRUNC, FILE_TRUNCATE},
        {O_APPEND, FILE_APPEND},       {O_NONBLOCK, FILE_NONBLOCK}, {O_SYNC, FILE_SYNC},
        {O_DIRECTORY, FILE_DIRECTORY}, {O_NOFOLLOW, FILE_NOFOLLOW},
    };
    uint32_t access;

    switch (flags & O_ACCMODE) {
    case O_RDONLY: access = (flags & O_EXEC) != 0 ? FILE_PATH | FILE_EXECUTE : FILE_READ; break;
    case O_WRONLY: access = FILE_WRITE; break;
    case O_RDWR: access = FILE_READ | FILE_WRITE; break;
    default: return 0;
    }
    for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if ((flags & same[i].from) != 0)
            access |= same[i].to;
    return access;
}

static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    const uint32_t wanted = translate(flags);

    if (wanted == 0)
        return posix_error(EINVAL);
    const int number = descriptor_reserve(0);

    if (number < 0)
        return number;
    const mach_port_name_t port =
        walk_open(directory, path, wanted, mode & PERMISSIONS & ~atomic_load(&place_umask));

    if (port == MSG_NULL) {
        descriptor_unreserve(number);
        return -1;
    }
    descriptor_fill(number,
                    (struct descriptor){port, (flags & O_CLOEXEC) != 0 ? DESCRIPTOR_CLOEXEC : 0});
    return number;
}

/* The mode is there only if a file may be made. */
static mode_t mode_of(int flags, va_list rest)
{
    return (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
}

int _open(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);

    va_end(rest);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);

    va_end(rest);
    return open_at(directory, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int dup(int number)
{
    return descriptor_copy(number, 0, false, 0);
}

int dup2(int from, int to)
{
    if (from == to)
        return descriptor_get(from).flags != 0 ? to : posix_error(EBADF);
    return descriptor_copy(from, to, true, 0);
}

int dup3(int from, int to, int flags)
{
    if (from == to || (flags & ~O_CLOEXEC) != 0)
        return posix_error(EINVAL);
    return descriptor_copy(from, to, true, flags != 0 ? DESCRIPTOR_CLOEXEC : 0);
}
