/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, while there are none: descriptors 0, 1 and 2 are the kernel's console, which nothing can
 * be read from, and no path leads anywhere.
 */
#include "calls.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <unistd.h>

enum { CONSOLE_BLOCK = 1024 }; /* how much stdio gathers before it writes */

static bool is_console(int file)
{
    return file >= STDIN_FILENO && file <= STDERR_FILENO;
}

int _open(const char *path, int flags, ...)
{
    (void)path;
    (void)flags;
    return call_fails(ENOENT);
}

int _close(int file)
{
    return is_console(file) ? 0 : call_fails(EBADF);
}

ssize_t _read(int file, void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return file == STDIN_FILENO ? 0 : call_fails(EBADF);
}

ssize_t _write(int file, const void *bytes, size_t size)
{
    if (file != STDOUT_FILENO && file != STDERR_FILENO)
        return call_fails(EBADF);
    switch (kernel_console_write(bytes, size)) {
    case KERN_SUCCESS: return (ssize_t)size;
    case KERN_INVALID_ADDRESS: return call_fails(EFAULT);
    default: return call_fails(EIO);
    }
}

off_t _lseek(int file, off_t offset, int from)
{
    (void)offset;
    (void)from;
    return call_fails(is_console(file) ? ESPIPE : EBADF);
}

int _fcntl(int file, int command, int argument)
{
    (void)argument;
    if (!is_console(file))
        return call_fails(EBADF);
    switch (command) {
    case F_GETFD: return 0;
    case F_GETFL: return file == STDIN_FILENO ? O_RDONLY : O_WRONLY;
    default: return call_fails(EINVAL);
    }
}

int _fstat(int file, struct stat *status)
{
    if (!is_console(file))
        return call_fails(EBADF);
    *status = (struct stat){
        .st_mode = S_IFCHR | S_IRUSR | S_IWUSR,
        .st_nlink = 1,
        .st_blksize = CONSOLE_BLOCK,
    };
    return 0;
}

int _stat(const char *path, struct stat *status)
{
    (void)path;
    (void)status;
    return call_fails(ENOENT);
}

int _isatty(int file)
{
    if (is_console(file))
        return 1;
    errno = EBADF;
    return 0;
}

int _link(const char *old, const char *new)
{
    (void)old;
    (void)new;
    return call_fails(ENOENT);
}

int _unlink(const char *path)
{
    (void)path;
    return call_fails(ENOENT);
}

int _rename(const char *old, const char *new)
{
    (void)old;
    (void)new;
    return call_fails(ENOENT);
}

int _mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    return call_fails(ENOENT);
}
