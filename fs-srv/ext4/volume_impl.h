/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of ext4 as a <volume.h> share. A handle is the inode's number, and whoever has it holds the inode (ext4_hold).
 */
#pragma once

#include "ext4_fs.h"
#include <string.h>
#include <volume.h>

static inline struct ext4 *fs_of(struct volume *volume)
{
    return (struct ext4 *)volume;
}

static inline ext4_ino ino_of(const struct volume_file *file)
{
    return (ext4_ino)(uintptr_t)file;
}

static inline struct volume_file *file_of(ext4_ino ino)
{
    return (struct volume_file *)(uintptr_t)ino;
}

static inline struct ext4_name name_of(const char *text)
{
    return (struct ext4_name){text, strlen(text)};
}

static inline int64_t nanoseconds_of(struct ext4_time time)
{
    return time.seconds * 1000000000 + time.nanoseconds;
}

static inline struct ext4_time time_of(int64_t nanoseconds)
{
    const int64_t rest = nanoseconds % 1000000000;

    return (struct ext4_time){(nanoseconds - rest) / 1000000000 - (rest < 0),
                              (uint32_t)(rest < 0 ? rest + 1000000000 : rest)};
}

/* ---- volume_content.c: as in struct volume_ops ---- */

int content_read_link(struct volume *volume, struct volume_file *file, char *to, size_t size);
int content_read(struct volume *volume, struct volume_file *file, uint64_t offset, void *to,
                 size_t size, size_t *got);
int content_write(struct volume *volume, struct volume_file *file, int64_t modified,
                  uint64_t offset, const void *from, size_t size, size_t *written);
bool content_gather(struct volume *volume, bool gathers);
int content_lost(struct volume *volume, uint64_t *inode);
int content_resize(struct volume *volume, struct volume_file *file, uint64_t size);
uint64_t content_size_limit(struct volume *volume, struct volume_file *file);
