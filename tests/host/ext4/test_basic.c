/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every operation of ext4 once, on file systems of several forms; e2fsck finds them clean.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <sys/stat.h>

static const struct ext4_attributes file_mode = {.mode = S_IFREG | 0644, .uid = 70000, .gid = 5};
static const struct ext4_attributes folder_mode = {.mode = S_IFDIR | 0755};

static void fill(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((i * 7 + i / 251 + seed) & 0xff);
}

static void expect_data(struct ext4 *fs, ext4_ino ino, uint64_t offset, size_t size, uint32_t seed)
{
    uint8_t *got = malloc(size), *wanted = malloc(size);
    size_t n;

    fill(wanted, size, seed);
    CHECK_EQ(ext4_read(fs, ino, offset, got, size, &n), 0);
    CHECK_EQ(n, size);
    CHECK(memcmp(got, wanted, size) == 0);
    free(got);
    free(wanted);
}

static void put_data(struct ext4 *fs, ext4_ino ino, uint64_t offset, size_t size, uint32_t seed)
{
    uint8_t *data = malloc(size);
    size_t n;

    fill(data, size, seed);
    CHECK_EQ(ext4_write(fs, ino, offset, data, size, &n), 0);
    CHECK_EQ(n, size);
    free(data);
}

static void files(struct ext4 *fs)
{
    struct ext4_attributes attributes;
    ext4_ino ino, found;

    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("one"), &file_mode, &ino), 0);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("one"), &file_mode, &found), EEXIST);
    put_data(fs, ino, 0, 100, 1);
    put_data(fs, ino, 5000, 300000, 2);
    expect_data(fs, ino, 0, 100, 1);
    expect_data(fs, ino, 5000, 300000, 2);
    CHECK_EQ(ext4_get_attributes(fs, ino, &attributes), 0);
    CHECK_EQ(attributes.size, 305000);
    CHECK_EQ(attributes.uid, 70000);
    CHECK_EQ(ext4_truncate(fs, ino, 5100), 0);
    CHECK_EQ(ext4_truncate(fs, ino, 1000000), 0);
    expect_data(fs, ino, 5000, 100, 2);
    CHECK_EQ(ext4_link(fs, ino, EXT4_ROOT, name_of("two")), 0);
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of("one")), 0);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("one"), &found), ENOENT);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("two"), &found), 0);
    CHECK_EQ(found, ino);
}

static void folders(struct ext4 *fs)
{
    static const struct ext4_attributes link_mode = {.mode = S_IFLNK | 0777};
    char longer[200], got[200];
    ext4_ino a, b, ino;
    size_t n;

    CHECK_EQ(ext4_mkdir(fs, EXT4_ROOT, name_of("a"), &folder_mode, &a), 0);
    CHECK_EQ(ext4_mkdir(fs, a, name_of("b"), &folder_mode, &b), 0);
    CHECK_EQ(ext4_rename(fs, EXT4_ROOT, name_of("a"), b, name_of("c")), EINVAL);
    CHECK_EQ(ext4_rmdir(fs, EXT4_ROOT, name_of("a")), ENOTEMPTY);
    CHECK_EQ(ext4_rename(fs, a, name_of("b"), EXT4_ROOT, name_of("b")), 0);
    CHECK_EQ(ext4_rmdir(fs, EXT4_ROOT, name_of("a")), 0);
    CHECK_EQ(ext4_symlink(fs, b, name_of("short"), &link_mode, name_of("../two"), &ino), 0);
    memset(longer, 'x', sizeof(longer));
    CHECK_EQ(ext4_symlink(fs, b, name_of("long"), &link_mode,
                          (struct ext4_name){longer, sizeof(longer)}, &ino),
             0);
    CHECK_EQ(ext4_readlink(fs, ino, got, sizeof(got), &n), 0);
    CHECK(n == sizeof(longer) && memcmp(got, longer, n) == 0);
    for (unsigned i = 0; i < 300; i++) {
        char name[64];

        snprintf(name, sizeof(name), "a file with a rather long name, number %u", i);
        CHECK_EQ(ext4_create(fs, b, name_of(name), &file_mode, &ino), 0);
        if (i % 3 == 0)
            CHECK_EQ(ext4_unlink(fs, b, name_of(name)), 0);
    }
    CHECK_EQ(ext4_unlink(fs, b, name_of("long")), 0);
}

static void orphan(struct ext4 *fs)
{
    ext4_ino ino;

    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("open"), &file_mode, &ino), 0);
    CHECK_EQ(ext4_hold(fs, ino), 0);
    put_data(fs, ino, 0, 20000, 3);
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of("open")), 0);
    expect_data(fs, ino, 0, 20000, 3);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_EQ(ext4_release(fs, ino), 0);
}

/* One file has all there is, the last block too, and gives it back. */
static void test_full(const char *arguments)
{
    struct card *card = image_make(3072, arguments);
    static uint8_t data[100000];
    struct ext4_statistics before, after;
    struct ext4 *fs;
    ext4_ino ino;
    uint64_t size = 0;
    size_t done;
    int error;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    ext4_get_statistics(fs, &before);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("all"), &file_mode, &ino), 0);
    do {
        error = ext4_write(fs, ino, size, data, sizeof(data), &done);
        size += done;
    } while (error == 0);
    CHECK_EQ(error, ENOSPC);
    ext4_get_statistics(fs, &after);
    CHECK_EQ(after.free_blocks, 0);
    CHECK_EQ(ext4_truncate(fs, ino, size / 2), 0);
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of("all")), 0);
    ext4_get_statistics(fs, &after);
    CHECK_EQ(after.free_blocks, before.free_blocks);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

static void one_form(const char *arguments)
{
    struct card *card = image_make(24576, arguments);
    struct ext4 *fs;
    ext4_ino b;
    unsigned entries = 0;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
    files(fs);
    folders(fs);
    orphan(fs);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK(image_is_clean_for_linux(card));
    ext4_abandon(fs);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("b"), &b), 0);
    CHECK_EQ(ext4_readdir(fs, b, 0, image_count_entry, &entries), 0);
    CHECK_EQ(entries, 2 + 1 + 200);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

/* The sums that everything else rests on, against the definition; pieces of any length one behind the other are as good as the whole. */
static void sums(void)
{
    uint8_t bytes[100];

    fill(bytes, sizeof(bytes), 3);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        uint32_t bitwise = ~0u;

        for (size_t i = 0; i < size; i++) {
            bitwise ^= bytes[i];
            for (unsigned bit = 0; bit < 8; bit++)
                bitwise = bitwise >> 1 ^ (bitwise & 1 ? 0x82f63b78 : 0);
        }
        CHECK_EQ(ext2fs_crc32c_le(~0u, bytes, size), bitwise);
        CHECK_EQ(ext2fs_crc32c_le(ext2fs_crc32c_le(~0u, bytes, size / 3), bytes + size / 3,
                                  size - size / 3),
                 bitwise);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    sums();
    test_full("-t ext4 -b 1024 -J size=1 -m 0");
    test_full("-t ext3 -b 1024 -J size=1 -m 0");
    one_form("-t ext4 -b 1024 -J size=1");
    one_form("-t ext4 -b 4096 -J size=4");
    one_form("-t ext4 -b 1024 -O ^64bit,^metadata_csum,uninit_bg -J size=1");
    one_form("-t ext4 -b 1024 -O ^flex_bg,^64bit -g 1024 -J size=1");
    one_form("-t ext3 -b 1024 -I 128 -J size=1");
    one_form("-t ext4 -b 2048 -O meta_bg,^resize_inode,dir_index -J size=2");
    return check_end();
}
