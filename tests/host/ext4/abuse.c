/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk over everything, bounded because a damaged folder may contain itself; then operations in the root and on what was found.
 */
#include "abuse.h"
#include <sys/stat.h>

enum { FILES_MOST = 300, READ_MOST = 64 * 1024 };

struct walk {
    struct ext4 *fs;
    unsigned count;
    ext4_ino found[FILES_MOST];
    unsigned types[FILES_MOST];
};

static bool note(void *context, struct ext4_name name, ext4_ino ino, unsigned type, uint64_t cursor)
{
    struct walk *walk = context;

    (void)name;
    (void)cursor;
    if (walk->count == FILES_MOST)
        return false;
    walk->types[walk->count] = type;
    walk->found[walk->count++] = ino;
    return true;
}

static void look(struct walk *walk, ext4_ino ino)
{
    static uint8_t data[READ_MOST];
    struct ext4_attributes attributes;
    size_t got;

    if (ext4_get_attributes(walk->fs, ino, &attributes) != 0)
        return;
    switch (attributes.mode & S_IFMT) {
    case S_IFDIR: (void)!ext4_readdir(walk->fs, ino, 0, note, walk); break;
    case S_IFLNK: (void)!ext4_readlink(walk->fs, ino, (char *)data, sizeof(data), &got); break;
    default:
        (void)!ext4_read(walk->fs, ino, 0, data, sizeof(data), &got);
        (void)!ext4_read(walk->fs, ino, attributes.size / 2 + 1, data, sizeof(data), &got);
        break;
    }
}

static bool change(struct ext4 *fs, const struct walk *walk)
{
    static const struct ext4_attributes file_mode = {.mode = S_IFREG | 0600};
    static uint8_t data[5000];
    ext4_ino ino = 0, folder = 0;
    size_t done;
    int error = ext4_create(fs, EXT4_ROOT, name_of("made by the test"), &file_mode, &ino);

    if (error == 0)
        error = ext4_write(fs, ino, 3000, data, sizeof(data), &done);
    if (error == 0)
        error = ext4_mkdir(fs, EXT4_ROOT, name_of("folder of the test"), &file_mode, &folder);
    if (error == 0)
        error = ext4_rename(fs, EXT4_ROOT, name_of("made by the test"), folder, name_of("x"));
    for (unsigned i = 0; i < walk->count && i < 20; i++) {
        (void)!ext4_write(fs, walk->found[i], 100, data, 200, &done);
        (void)!ext4_truncate(fs, walk->found[i], 50);
        (void)!ext4_link(fs, walk->found[i], EXT4_ROOT, name_of("another name"));
        (void)!ext4_unlink(fs, EXT4_ROOT, name_of("another name"));
    }
    (void)!ext4_unlink(fs, folder ? folder : EXT4_ROOT, name_of("x"));
    (void)!ext4_rmdir(fs, EXT4_ROOT, name_of("folder of the test"));
    (void)!ext4_rmdir(fs, EXT4_ROOT, name_of("lost+found"));
    return error == 0;
}

struct abuse abuse(struct card *card)
{
    static struct walk walk;
    struct abuse result = {0};
    struct ext4 *fs;

    result.error = ext4_mount(&card->storage, 0, &fs);
    if (result.error != 0)
        return result;
    walk = (struct walk){.fs = fs, .count = 1, .found = {EXT4_ROOT}};
    for (unsigned i = 0; i < walk.count; i++)
        look(&walk, walk.found[i]);
    result.mounted = true;
    result.files = walk.count;
    result.changed = change(fs, &walk);
    (void)!ext4_unmount(fs);
    return result;
}
