/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of files: asked for, and changed. There is one user, who may do everything that a port allows: modes and owners are stored, and access() tells what the mode says of the owner.
 */
#include "../newlib/calls.h"
#include "again.h"
#include "attributes.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utime.h>
#include <wharf/if/file.h>

enum { PERMISSIONS = 07777, SECOND = 1000000000 };

/* ---- asking ---- */

int fstatat(int directory, const char *__restrict path, struct stat *__restrict status, int flags)
{
    struct file_attributes attributes;

    if ((flags & ~AT_SYMLINK_NOFOLLOW) != 0)
        return posix_error(EINVAL);
    if (walk_look(directory, path, flags != 0, &attributes) != 0)
        return -1;
    attributes_as_stat(&attributes, status);
    return 0;
}

int _stat(const char *path, struct stat *status)
{
    return fstatat(AT_FDCWD, path, status, 0);
}

int lstat(const char *__restrict path, struct stat *__restrict status)
{
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

/* What cannot be executed by anybody cannot be; all else the one user may do. A folder can be entered. */
int faccessat(int directory, const char *path, int how, int flags)
{
    struct file_attributes attributes;

    if ((how & ~(R_OK | W_OK | X_OK)) != 0 || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW)) != 0)
        return posix_error(EINVAL);
    if (walk_look(directory, path, (flags & AT_SYMLINK_NOFOLLOW) != 0, &attributes) != 0)
        return -1;
    const bool executable = attributes.kind == FILE_KIND_FOLDER ||
                            (attributes.mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;

    return (how & X_OK) != 0 && !executable ? posix_error(EACCES) : 0;
}

int access(const char *path, int how)
{
    return faccessat(AT_FDCWD, path, how, 0);
}

int eaccess(const char *path, int how)
{
    return faccessat(AT_FDCWD, path, how, AT_EACCESS);
}

int euidaccess(const char *path, int how)
{
    return faccessat(AT_FDCWD, path, how, AT_EACCESS);
}

/* ---- changing ---- */

static kern_return_t change_step(struct walk *walk, mach_port_name_t at)
{
    return AGAIN(file_change(at, walk->path, walk->nofollow, walk->which, &walk->attributes,
                             &walk->outcome, &walk->elsewhere, walk->rest));
}

static int change_at(int directory, const char *path, bool nofollow, uint32_t which,
                     const struct file_attributes *attributes)
{
    struct walk walk;

    walk.nofollow = nofollow;
    walk.which = which;
    walk.attributes = *attributes;
    return walk_path(directory, path, change_step, &walk);
}

static int change_open(int number, uint32_t which, const struct file_attributes *attributes)
{
    const mach_port_name_t port = descriptor_port(number, EINVAL);

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = AGAIN(file_set_attributes(port, which, attributes));

    return kr == KERN_SUCCESS ? 0 : posix_fails(kr);
}

int fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    const struct file_attributes attributes = {.mode = mode & PERMISSIONS};

    if ((flags & ~AT_SYMLINK_NOFOLLOW) != 0)
        return posix_error(EINVAL);
    return change_at(directory, path, flags != 0, FILE_SET_MODE, &attributes);
}

int chmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

int lchmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

int fchmod(int number, mode_t mode)
{
    const struct file_attributes attributes = {.mode = mode & PERMISSIONS};

    return change_open(number, FILE_SET_MODE, &attributes);
}

/* -1: it stays. */
static uint32_t owners(uid_t owner, gid_t group)
{
    return (owner == (uid_t)-1 ? 0 : FILE_SET_UID) | (group == (gid_t)-1 ? 0 : FILE_SET_GID);
}

int fchownat(int directory, const char *path, uid_t owner, gid_t group, int flags)
{
    const struct file_attributes attributes = {.uid = owner, .gid = group};

    if ((flags & ~AT_SYMLINK_NOFOLLOW) != 0)
        return posix_error(EINVAL);
    return change_at(directory, path, flags != 0, owners(owner, group), &attributes);
}

int chown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, 0);
}

int lchown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

int fchown(int number, uid_t owner, gid_t group)
{
    const struct file_attributes attributes = {.uid = owner, .gid = group};

    return change_open(number, owners(owner, group), &attributes);
}

int truncate(const char *path, off_t size)
{
    const struct file_attributes attributes = {.size = (uint64_t)size};

    return size < 0 ? posix_error(EINVAL)
                    : change_at(AT_FDCWD, path, false, FILE_SET_SIZE, &attributes);
}

int ftruncate(int number, off_t size)
{
    const struct file_attributes attributes = {.size = (uint64_t)size};

    return size < 0 ? posix_error(EINVAL) : change_open(number, FILE_SET_SIZE, &attributes);
}

/* ---- times ---- */

/* One time; what it adds to `which`. false: it is none. */
static bool take_time(const struct timespec *time, uint32_t set, uint32_t set_now, uint32_t *which,
                      int64_t *out)
{
    if (time->tv_nsec == UTIME_OMIT)
        return true;
    if (time->tv_nsec == UTIME_NOW) {
        *which |= set_now;
        return true;
    }
    *which |= set;
    return time->tv_nsec >= 0 && time->tv_nsec < SECOND &&
           !__builtin_mul_overflow(time->tv_sec, (int64_t)SECOND, out) &&
           !__builtin_add_overflow(*out, time->tv_nsec, out);
}

static bool take_times(const struct timespec times[2], uint32_t *which,
                       struct file_attributes *attributes)
{
    static const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

    if (times == NULL)
        times = now;
    *which = 0;
    memset(attributes, 0, sizeof(*attributes));
    return take_time(&times[0], FILE_SET_ACCESSED, FILE_SET_ACCESSED_NOW, which,
                     &attributes->accessed) &&
           take_time(&times[1], FILE_SET_MODIFIED, FILE_SET_MODIFIED_NOW, which,
                     &attributes->modified);
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags)
{
    struct file_attributes attributes;
    uint32_t which;

    if ((flags & ~AT_SYMLINK_NOFOLLOW) != 0 || !take_times(times, &which, &attributes))
        return posix_error(EINVAL);
    return change_at(directory, path, flags != 0, which, &attributes);
}

int futimens(int number, const struct timespec times[2])
{
    struct file_attributes attributes;
    uint32_t which;

    if (!take_times(times, &which, &attributes))
        return posix_error(EINVAL);
    return change_open(number, which, &attributes);
}

static int of_microseconds(int directory, const char *path, const struct timeval times[2],
                           int flags)
{
    struct timespec exact[2];

    if (times == NULL)
        return utimensat(directory, path, NULL, flags);
    for (int i = 0; i < 2; i++) {
        if (times[i].tv_usec < 0 || times[i].tv_usec >= SECOND / 1000)
            return posix_error(EINVAL);
        exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    }
    return utimensat(directory, path, exact, flags);
}

int utimes(const char *path, const struct timeval times[2])
{
    return of_microseconds(AT_FDCWD, path, times, 0);
}

int lutimes(const char *path, const struct timeval times[2])
{
    return of_microseconds(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

int utime(const char *path, const struct utimbuf *times)
{
    if (times == NULL)
        return utimensat(AT_FDCWD, path, NULL, 0);
    const struct timespec exact[2] = {{times->actime, 0}, {times->modtime, 0}};

    return utimensat(AT_FDCWD, path, exact, 0);
}

mode_t umask(mode_t mask)
{
    return atomic_exchange(&place_umask, mask & 0777);
}
