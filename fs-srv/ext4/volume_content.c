/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext4 as a <volume.h>: what is in files.
 */
#include "volume_impl.h"
#include <errno.h>

int content_read_link(struct volume *volume, struct volume_file *file, char *to, size_t size)
{
    size_t got;
    const int error = ext4_readlink(fs_of(volume), ino_of(file), to, size, &got);

    if (error != 0)
        return error;
    if (got >= size)
        return ENAMETOOLONG;
    to[got] = 0;
    return 0;
}

int content_read(struct volume *volume, struct volume_file *file, uint64_t offset, void *to,
                 size_t size, size_t *got)
{
    size_t done;
    const int error = ext4_read(fs_of(volume), ino_of(file), offset, to, size, &done);

    if (error == 0)
        *got = done;
    return error;
}

int content_write(struct volume *volume, struct volume_file *file, int64_t modified,
                  uint64_t offset, const void *from, size_t size, size_t *written)
{
    struct ext4 *const fs = fs_of(volume);
    size_t done;
    const int error = modified != 0 ? ext4_write_of(fs, ino_of(file), time_of(modified), offset,
                                                    from, size, &done)
                                    : ext4_write(fs, ino_of(file), offset, from, size, &done);

    if (error != 0 && done == 0)
        return error;
    *written = done;
    return 0;
}

bool content_gather(struct volume *volume, bool gathers)
{
    return ext4_gather(fs_of(volume), gathers);
}

int content_lost(struct volume *volume, uint64_t *inode)
{
    ext4_ino ino;
    int error;

    if (!ext4_take_lost(fs_of(volume), &ino, &error))
        return 0;
    *inode = ino;
    return error;
}

int content_resize(struct volume *volume, struct volume_file *file, uint64_t size)
{
    return ext4_truncate(fs_of(volume), ino_of(file), size);
}

uint64_t content_size_limit(struct volume *volume, struct volume_file *file)
{
    return ext4_size_limit(fs_of(volume), ino_of(file));
}
