/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * posix_fallocate() and posix_fadvise().
 */
#include "errors.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every page that is not there yet gets a byte that was zero anyway: a server without room says so now. */
static int touch(int file, off_t at, off_t end, off_t size)
{
    enum { PAGE = 0x1000 };

    for (; at < end; at = (at / PAGE + 1) * PAGE) {
        char byte = 0;

        if (at < size && pread(file, &byte, 1, at) < 0)
            return errno;
        if (pwrite(file, &byte, 1, at) < 0)
            return errno;
    }
    return 0;
}

/* The errno is the result. */
int posix_fallocate(int file, off_t offset, off_t length)
{
    struct stat status;
    off_t end;

    if (offset < 0 || length <= 0)
        return EINVAL;
    if (__builtin_add_overflow(offset, length, &end))
        return EFBIG;
    if (fstat(file, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return S_ISFIFO(status.st_mode) ? ESPIPE : ENODEV;
    const int error = touch(file, offset, end, status.st_size);

    if (error != 0 || end <= status.st_size)
        return error;
    return ftruncate(file, end) == 0 ? 0 : errno;
}

int posix_fadvise(int file, off_t offset, off_t length, int advice)
{
    struct stat status;

    (void)offset;
    if (length < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
        return EINVAL;
    if (fstat(file, &status) != 0)
        return errno;
    return S_ISFIFO(status.st_mode) ? ESPIPE : 0;
}
