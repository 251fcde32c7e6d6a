/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What streams ask of a descriptor beside reading and writing: where it is, what it is, and its end. Every program that prints has these.
 */
#include "../newlib/calls.h"
#include "again.h"
#include "attributes.h"
#include "descriptors.h"
#include "errors.h"
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/terminal.h>

enum { LOG_BLOCK = 1024 /* how much stdio gathers before it writes */ };

int _close(int number)
{
    return descriptor_remove(number);
}

[[gnu::alias("_close")]] int close(int number);

off_t _lseek(int number, off_t offset, int from)
{
    static const uint8_t whence[] = {FILE_WHENCE_START, FILE_WHENCE_OFFSET, FILE_WHENCE_END};
    const mach_port_name_t port = descriptor_port(number, ESPIPE);
    const int64_t id = again_id();
    int64_t position;

    if (port == MSG_NULL)
        return -1;
    if (from < SEEK_SET || from > SEEK_END)
        return posix_error(EINVAL);
    const kern_return_t kr = AGAIN(file_seek(port, offset, whence[from], id, &position));

    return kr == KERN_SUCCESS ? position : posix_fails(kr);
}

[[gnu::alias("_lseek")]] off_t lseek(int number, off_t offset, int from);

void attributes_as_stat(const struct file_attributes *a, struct stat *status)
{
    /* FILE_KIND_ to the type in a mode. */
    static const uint32_t types[] = {0,       S_IFREG, S_IFDIR, S_IFLNK,
                                     S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK};
    enum { SECOND = 1000000000, BLOCK = 512 };
    const int64_t times[] = {a->accessed, a->modified, a->changed};
    struct timespec *const to[] = {&status->st_atim, &status->st_mtim, &status->st_ctim};

    memset(status, 0, sizeof(*status));
    status->st_dev = a->device;
    status->st_ino = a->inode;
    status->st_mode = (mode_t)((a->kind < sizeof(types) / sizeof(types[0]) ? types[a->kind] : 0) |
                               (a->mode & 07777));
    status->st_nlink = a->links < UINT16_MAX ? (nlink_t)a->links : UINT16_MAX;
    status->st_uid = a->uid;
    status->st_gid = a->gid;
    status->st_rdev = a->rdev;
    status->st_size = (off_t)a->size;
    status->st_blksize = (blksize_t)a->block_size;
    status->st_blocks = (blkcnt_t)a->blocks;
    for (int i = 0; i < 3; i++) {
        /* Times before 1970: the nanoseconds are never negative. */
        to[i]->tv_sec = times[i] / SECOND - (times[i] % SECOND < 0);
        to[i]->tv_nsec = (long)(times[i] % SECOND + (times[i] % SECOND < 0 ? SECOND : 0));
    }
}

int _fstat(int number, struct stat *status)
{
    const struct descriptor d = descriptor_get(number);
    struct file_attributes attributes;

    if (d.flags == 0)
        return posix_error(EBADF);
    if (d.port == MSG_NULL) {
        memset(status, 0, sizeof(*status));
        status->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
        status->st_nlink = 1;
        status->st_blksize = LOG_BLOCK;
        return 0;
    }
    const kern_return_t kr = AGAIN(file_get_attributes(d.port, &attributes));

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    attributes_as_stat(&attributes, status);
    return 0;
}

[[gnu::alias("_fstat")]] int fstat(int number, struct stat *status);

int _isatty(int number)
{
    const struct descriptor d = descriptor_get(number);
    uint8_t answer[FILE_CONTROL_MAX];
    uint32_t size;

    if (d.port == MSG_NULL && d.flags != 0)
        return 1; /* the log, which people read a line at a time */
    if (d.flags != 0) {
        const kern_return_t kr =
            AGAIN(file_control(d.port, TERMINAL_GET_ATTRIBUTES, NULL, 0, answer, &size));

        if (kr == KERN_SUCCESS)
            return 1;
        errno = posix_errno(kr) == EBADF ? EBADF : ENOTTY;
        return 0;
    }
    errno = EBADF;
    return 0;
}
