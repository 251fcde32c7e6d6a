/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fcntl(), and what else changes how an open file behaves. The flags belong to the open file, which processes share, and are the server's. Locks are in file_locks.c.
 */
#include "../newlib/calls.h"
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include <fcntl.h>
#include <unistd.h>
#include <wharf/if/file.h>

enum { CHANGEABLE = FILE_APPEND | FILE_NONBLOCK | FILE_SYNC };

static int get_flags(struct descriptor d, int number)
{
    uint32_t flags;

    if (d.port == MSG_NULL)
        return number == STDIN_FILENO ? O_RDONLY : O_WRONLY;
    const kern_return_t kr = AGAIN(file_get_flags(d.port, &flags));

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    const int access = (flags & FILE_WRITE) == 0  ? O_RDONLY
                       : (flags & FILE_READ) == 0 ? O_WRONLY
                                                  : O_RDWR;

    return access | ((flags & FILE_APPEND) != 0 ? O_APPEND : 0) |
           ((flags & FILE_NONBLOCK) != 0 ? O_NONBLOCK : 0) |
           ((flags & FILE_SYNC) != 0 ? O_SYNC : 0) |
           ((flags & (FILE_PATH | FILE_EXECUTE)) == (FILE_PATH | FILE_EXECUTE) ? O_EXEC : 0);
}

static int set_flags(struct descriptor d, int flags)
{
    const uint32_t wanted = ((flags & O_APPEND) != 0 ? FILE_APPEND : 0) |
                            ((flags & O_NONBLOCK) != 0 ? FILE_NONBLOCK : 0) |
                            ((flags & O_SYNC) != 0 ? FILE_SYNC : 0);

    if (d.port == MSG_NULL)
        return 0;
    const kern_return_t kr = AGAIN(file_set_flags(d.port, wanted & CHANGEABLE));

    return kr == KERN_SUCCESS ? 0 : posix_fails(kr);
}

int _fcntl(int number, int command, int argument)
{
    const struct descriptor d = descriptor_get(number);

    if (d.flags == 0)
        return posix_error(EBADF);
    switch (command) {
    case F_DUPFD: return descriptor_copy(number, argument, false, 0);
    case F_DUPFD_CLOEXEC: return descriptor_copy(number, argument, false, DESCRIPTOR_CLOEXEC);
    case F_GETFD: return (d.flags & DESCRIPTOR_CLOEXEC) != 0 ? FD_CLOEXEC : 0;
    case F_SETFD:
        descriptor_mark(number, d.port, (argument & FD_CLOEXEC) != 0 ? DESCRIPTOR_CLOEXEC : 0,
                        DESCRIPTOR_CLOEXEC);
        return 0;
    case F_GETFL: return get_flags(d, number);
    case F_SETFL: return set_flags(d, argument);
    default: return posix_error(EINVAL);
    }
}
