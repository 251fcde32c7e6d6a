/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system of 24 MB as mke2fs makes it: blocks of 1 KiB, and a journal of 1024 blocks, the shortest that is written to. Work that seldom syncs fills
 * transactions; every operation is made or finds no room, and every sync goes well.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

enum {
    KIBIBYTES = 24 * 1024,
    FILES_MOST = 3000,
    PIECE = 64 * 1024,
    PAGE = 4096,
    LONGEST = 24 * PIECE,
    MEMORY_LEAST = 192 * 1024,
    MEMORY_USUAL = 4 << 20,
};

static ext4_ino files[FILES_MOST]; /* 0: it is not there */
static uint8_t bytes[PIECE];

static int write_at(struct ext4 *fs, ext4_ino ino, uint64_t offset, size_t size)
{
    size_t written;

    ext4_gather(fs, check_below(2));
    return ext4_write(fs, ino, offset, bytes, size, &written);
}

/* Pages in any order, some of them in part: many short extents. */
static int write_pages(struct ext4 *fs, ext4_ino ino)
{
    int error = 0;

    for (unsigned i = 0; i < 64 && error == 0; i++)
        error = write_at(fs, ino, check_below(LONGEST / PAGE) * PAGE, 1024 * (1 + check_below(4)));
    return error;
}

static int step(struct ext4 *fs, unsigned count)
{
    const struct ext4_attributes as = {.mode = S_IFREG | 0644};
    ext4_ino *ino = &files[check_below(count)];
    char name[32];

    snprintf(name, sizeof(name), "file %u", (unsigned)(ino - files));
    if (*ino == 0)
        return ext4_create(fs, EXT4_ROOT, name_of(name), &as, ino);
    switch (check_below(12)) {
    case 0: *ino = 0; return ext4_unlink(fs, EXT4_ROOT, name_of(name));
    case 1: return ext4_truncate(fs, *ino, check_below(LONGEST));
    case 2: return write_pages(fs, *ino);
    case 3: return write_at(fs, *ino, check_below(LONGEST), 1 + check_below(3000));
    default: return write_at(fs, *ino, check_below(LONGEST / PIECE) * PIECE, PIECE);
    }
}

static void work(const char *arguments, size_t memory, unsigned count, unsigned steps)
{
    struct card *card = image_make(KIBIBYTES, arguments);
    const struct ext4_memory survivor = {memory != 0 ? calloc(1, memory) : NULL, memory};
    unsigned full = 0;
    struct ext4 *fs;

    CHECK(memory == 0 || survivor.at != NULL);
    memset(files, 0, sizeof(files));
    CHECK_EQ(ext4_mount_surviving(&card->storage, 0, &survivor, &fs), 0);
    for (unsigned i = 0; i < steps; i++) {
        const int error = step(fs, count);

        CHECK(error == 0 || error == ENOSPC);
        full += error == ENOSPC;
        if (check_below(200) == 0)
            CHECK_EQ(ext4_sync(fs), 0);
    }
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    printf("%s, memory of %zu, %u files: %u steps found no room\n", arguments, memory, count, full);
    card_free(card);
    free(survivor.at);
}

int main(int argc, char **argv)
{
    static const size_t memories[] = {0, MEMORY_LEAST, MEMORY_USUAL};
    unsigned steps = 2000;

    check_begin(argc, argv);
    for (int i = 1; i < argc; i++)
        (void)sscanf(argv[i], "steps=%u", &steps);
    for (unsigned i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
        work("-t ext4", memories[i], 60, steps);
        work("-t ext4", memories[i], FILES_MOST, 3 * steps);
    }
    work("-t ext4 -O ^extents,^64bit", 0, 60, steps);
    return check_end();
}
