/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a cpio archive in newc form, such as the initrd. The archive is untrusted: every number in it is compared with the
 * archive's end before it is used, and each step goes forward, so that looking for a file always ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>

struct archive {
    const void *at;
    size_t size;
};

/** A file of it: name and data lie in the archive. */
struct archive_file {
    const char *name; /* ends in a NUL inside the archive; without a leading "./" or "/" */
    const void *data;
    size_t size;
    uint32_t mode; /* kind and permissions, as <sys/stat.h> has them */
};

/** Of a file whose data are what a symbolic link says. */
static inline bool archive_is_link(const struct archive_file *file)
{
    return (file->mode & 0170000) == 0120000;
}

/** The file at *position (0: the first), which becomes that of the next. KERN_NOT_FOUND: there are no more; KERN_BAD_FORMAT: from
 *  here on it is no archive. */
kern_return_t archive_next(const struct archive *archive, size_t *position,
                           struct archive_file *out);

/** The first file of this name. KERN_NOT_FOUND: there is none; KERN_BAD_FORMAT: the archive is broken before it. */
kern_return_t archive_find(const struct archive *archive, const char *name,
                           struct archive_file *out);
