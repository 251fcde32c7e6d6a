/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The current directory, and names that are true from the root on. The process has a port of the directory and no name of it: others may rename what is above, so the name is found anew each
 * time, from the directory up.
 */
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <dirent.h>
#include <fcntl.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>

int chdir(const char *path)
{
    const mach_port_name_t port = walk_open(AT_FDCWD, path, FILE_DIRECTORY | FILE_PATH, 0);

    if (port == MSG_NULL)
        return -1;
    place_change(port);
    return 0;
}

int fchdir(int number)
{
    const mach_port_name_t port = descriptor_port(number, ENOTDIR);
    struct file_attributes attributes;

    if (port == MSG_NULL)
        return -1;
    kern_return_t kr = AGAIN(file_get_attributes(port, &attributes));

    if (kr == KERN_SUCCESS && attributes.kind != FILE_KIND_FOLDER)
        return posix_error(ENOTDIR);
    if (kr == KERN_SUCCESS)
        kr = port_mod_refs(program_start_info->task, port, PORT_RIGHT_SEND, 1);
    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    place_change(port);
    return 0;
}

/* ---- the name of a directory, from its end ---- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Which entry of a directory is it? A mount point's entry has the number of what it covers, so a number that is not right says little: `hint` is the first pass. */
static bool is_entry(DIR *above, const struct dirent *entry, const struct stat *wanted, bool hint)
{
    struct stat status;

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
        (hint && entry->d_ino != wanted->st_ino))
        return false;
    return fstatat(dirfd(above), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           same(&status, wanted);
}

/* Its name, put in front of `at`. NULL: no room (ERANGE), or it has none any more (ENOENT). */
static char *prepend_name(DIR *above, const struct stat *wanted, char *begin, char *at)
{
    for (int pass = 0; pass < 2; pass++) {
        const struct dirent *entry;

        rewinddir(above);
        while ((entry = readdir(above)) != NULL) {
            if (!is_entry(above, entry, wanted, pass == 0))
                continue;
            const size_t length = strlen(entry->d_name);

            if ((size_t)(at - begin) < length + 1) {
                errno = ERANGE;
                return NULL;
            }
            at -= length;
            memcpy(at, entry->d_name, length);
            *--at = '/';
            return at;
        }
    }
    errno = ENOENT;
    return NULL;
}

/* One level up: *directory is a descriptor, and another afterwards. */
static char *climb(int *directory, struct stat *status, char *begin, char *at)
{
    const int up = openat(*directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat above;

    if (up < 0)
        return NULL;
    DIR *stream = fdopendir(up);

    if (stream == NULL || fstat(up, &above) != 0) {
        stream == NULL ? close(up) : closedir(stream);
        return NULL;
    }
    if (same(&above, status)) {
        closedir(stream); /* a root that is not ours: it has no name here */
        errno = ENOENT;
        return NULL;
    }
    at = prepend_name(stream, status, begin, at);
    const int next = at == NULL ? -1 : fcntl(up, F_DUPFD_CLOEXEC, 0);

    closedir(stream);
    if (next < 0)
        return NULL;
    close(*directory);
    *directory = next;
    *status = above;
    return at;
}

static char *find_name(char *begin, char *at)
{
    struct stat root, status;
    int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *const end = at;

    if (directory < 0)
        return NULL;
    if (stat("/", &root) != 0 || fstat(directory, &status) != 0)
        at = NULL;
    while (at != NULL && !same(&status, &root))
        at = climb(&directory, &status, begin, at);
    const int error = errno;

    close(directory);
    errno = error;
    if (at == end)
        *--at = '/';
    return at;
}

char *getcwd(char *bytes, size_t size)
{
    char name[FILE_PATH_MAX];
    char *const end = name + sizeof(name) - 1;

    if (bytes != NULL && size == 0) {
        errno = EINVAL;
        return NULL;
    }
    *end = '\0';
    char *found = find_name(name + 1, end);

    if (found == NULL)
        return NULL;
    const size_t length = (size_t)(end - found) + 1;

    if (bytes == NULL) {
        bytes = malloc(size != 0 ? size : length);
        if (bytes == NULL)
            return NULL;
        size = size != 0 ? size : length;
    }
    if (length > size) {
        errno = ERANGE;
        return NULL;
    }
    return memcpy(bytes, found, length);
}

char *get_current_dir_name(void)
{
    return getcwd(NULL, 0);
}
