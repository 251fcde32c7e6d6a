/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of extents on a disk whose free blocks all lie alone, so that each block of a file is an extent: files are written in two parts and cut, at every place that a
 * leaf may begin or be full at. Also extents that lie in many groups.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

enum {
    BLOCK = 1024,
    KIBIBYTES = 8 * 1024,
    LEAF = 84,        /* extents of a leaf */
    HOLES = 7 * LEAF, /* free blocks that lie alone */
    PIECE = 1024,     /* blocks */
};

static uint8_t bytes[PIECE * BLOCK];

static ext4_ino make(struct ext4 *fs, const char *name)
{
    const struct ext4_attributes as = {.mode = S_IFREG | 0644};
    ext4_ino ino;

    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of(name), &as, &ino), 0);
    return ino;
}

static size_t write_blocks(struct ext4 *fs, ext4_ino ino, unsigned first, unsigned count)
{
    size_t written;
    const int error =
        ext4_write(fs, ino, (uint64_t)first * BLOCK, bytes, (size_t)count * BLOCK, &written);

    CHECK(error == 0 || error == ENOSPC);
    return written;
}

/* Two files take turns, until there is no room; then one of them goes, and what else is left over is taken. */
static void make_holes(struct ext4 *fs)
{
    const ext4_ino kept = make(fs, "kept"), holes = make(fs, "holes"), rest = make(fs, "rest");

    for (unsigned i = 0; i < HOLES; i++) {
        CHECK_EQ(write_blocks(fs, kept, 2 * i, 1), BLOCK);
        CHECK_EQ(write_blocks(fs, holes, 2 * i, 1), BLOCK);
    }
    for (unsigned i = 0; write_blocks(fs, rest, i, 1) != 0; i++)
        continue;
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of("holes")), 0);
    CHECK_EQ(ext4_sync(fs), 0);
}

static void check_content(struct ext4 *fs, ext4_ino ino, unsigned count)
{
    static uint8_t found[HOLES * BLOCK];
    struct ext4_attributes as;
    size_t got;

    CHECK_EQ(ext4_get_attributes(fs, ino, &as), 0);
    CHECK_EQ(as.size, (uint64_t)count * BLOCK);
    CHECK_EQ(ext4_read(fs, ino, 0, found, sizeof(found), &got), 0);
    CHECK_EQ(got, (size_t)count * BLOCK);
    CHECK(memcmp(found, bytes, got) == 0);
}

static void remove_again(struct ext4 *fs)
{
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of("one")), 0);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
}

static void grow(struct ext4 *fs, unsigned before, unsigned more)
{
    const ext4_ino ino = make(fs, "one");
    size_t written;

    CHECK_EQ(write_blocks(fs, ino, 0, before), (size_t)before * BLOCK);
    CHECK_EQ(ext4_write(fs, ino, (uint64_t)before * BLOCK, bytes + (size_t)before * BLOCK,
                        (size_t)more * BLOCK, &written),
             0);
    check_content(fs, ino, before + more);
    remove_again(fs);
}

static void cut(struct ext4 *fs, unsigned before, unsigned to)
{
    const ext4_ino ino = make(fs, "one");

    CHECK_EQ(write_blocks(fs, ino, 0, before), (size_t)before * BLOCK);
    CHECK_EQ(ext4_truncate(fs, ino, (uint64_t)to * BLOCK), 0);
    check_content(fs, ino, to);
    remove_again(fs);
}

static void test_alone(void)
{
    struct card *card = image_make(KIBIBYTES, "-t ext4 -b 1024 -J size=1 -m 0");
    struct ext4 *fs;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    make_holes(fs);
    for (unsigned n = 3 * LEAF - 10; n < 3 * LEAF + 10; n++)
        grow(fs, n, 2 * LEAF);
    for (unsigned n = 1; n < 5 * LEAF; n++)
        cut(fs, 5 * LEAF, n);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

static ext4_ino make_large(struct ext4 *fs, const char *name, unsigned pieces)
{
    const ext4_ino ino = make(fs, name);

    for (unsigned i = 0; i < pieces; i++)
        CHECK_EQ(write_blocks(fs, ino, i * PIECE, PIECE), PIECE * BLOCK);
    return ino;
}

/* Extents of many groups, each of which brings blocks to the transaction when something in it is freed. */
static void test_groups(void)
{
    struct card *card = image_make(160 * 1024, "-t ext4 -b 1024 -g 256 -G 1024 -N 5120 -J size=1 "
                                               "-O sparse_super2,^resize_inode");
    ext4_ino one, other;
    struct ext4 *fs;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    one = make_large(fs, "one", 22);
    other = make_large(fs, "other", 32);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_EQ(ext4_truncate(fs, one, 0), 0);
    CHECK_EQ(ext4_truncate(fs, other, 0), 0);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i / BLOCK * 31 + i);
    test_groups();
    test_alone();
    return check_end();
}
