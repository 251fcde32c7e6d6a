/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images that debugfs, or a byte changed here, has made wrong or unusual at one place: nothing that a file must not have is written, freed or shown.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

#define LISTED  "-t ext3 -b 1024 -J size=1"
#define EXTENTS "-t ext4 -b 1024 -J size=1"

static const struct ext4_attributes file_mode = {.mode = S_IFREG | 0644};

/* ---- making them ---- */

/* A file "f" of `size` bytes, none of them 0. */
static struct card *with_file(const char *form, size_t size, ext4_ino *ino)
{
    struct card *card = image_make(4096, form);
    uint8_t *data = malloc(size);
    struct ext4 *fs;
    size_t done;

    memset(data, 'x', size);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("f"), &file_mode, ino), 0);
    CHECK_EQ(ext4_write(fs, *ino, 0, data, size, &done), 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    free(data);
    return card;
}

/* What debugfs makes of a card, with commands as printf has them. */
static struct card *forge(struct card *card, const char *commands)
{
    const char *image = image_path("forged");

    CHECK(card_save(card, image));
    card_free(card);
    CHECK_EQ(image_run(NULL, 0, "printf '%s\\n' | debugfs -w -f - %s 2>&1", commands, image), 0);
    card = card_load(image);
    CHECK(card != NULL);
    return card;
}

/* The superblock of a journal that mke2fs has made. */
static uint8_t *journal_of(struct card *card)
{
    static const uint8_t start[8] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4};

    for (uint64_t at = 0; at < card->storage.size; at += 1024)
        if (memcmp(card->bytes + at, start, sizeof(start)) == 0)
            return card->bytes + at;
    CHECK(false);
    return NULL;
}

static struct ext4 *mount(struct card *card, unsigned flags)
{
    struct ext4 *fs;

    CHECK_EQ(ext4_mount(&card->storage, flags, &fs), 0);
    return fs;
}

/* It is mounted, and cannot be written. */
static void expect_read_only(struct card *card)
{
    struct ext4 *fs = mount(card, 0);
    ext4_ino ino;

    CHECK(ext4_is_read_only(fs));
    CHECK(ext4_problem(fs)[0] != 0);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("new"), &file_mode, &ino), EROFS);
    CHECK_EQ(ext4_unmount(fs), 0);
}

/* ---- what lies behind the end of a file ---- */

static void expect_zeros(struct ext4 *fs, ext4_ino ino, uint64_t from, uint64_t to)
{
    static uint8_t data[65536];
    size_t got;

    CHECK(to - from <= sizeof(data));
    CHECK_EQ(ext4_read(fs, ino, from, data, (size_t)(to - from), &got), 0);
    CHECK_EQ(got, to - from);
    for (size_t i = 0; i < got; i++)
        CHECK_EQ(data[i], 0);
}

static void test_behind_the_end(const char *form, bool by_writing)
{
    ext4_ino ino;
    struct card *card = forge(with_file(form, 1000, &ino), "sif /f size 100");
    struct ext4 *fs = mount(card, 0);
    size_t done;

    if (by_writing)
        CHECK_EQ(ext4_write(fs, ino, 900, "end", 3, &done), 0);
    else
        CHECK_EQ(ext4_truncate(fs, ino, 1000), 0);
    expect_zeros(fs, ino, 100, 900);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

/* The inode is on the list of orphans; its blocks are still there. */
static void test_unfinished_truncation(const char *form, bool by_writing)
{
    char commands[64];
    ext4_ino ino;
    struct card *card = with_file(form, 20000, &ino);
    struct ext4 *fs;
    size_t done;

    snprintf(commands, sizeof(commands), "sif /f size 100\\nssv last_orphan %u", ino);
    card = forge(card, commands);
    fs = mount(card, EXT4_KEEP_ORPHANS);
    if (by_writing)
        CHECK_EQ(ext4_write(fs, ino, 19000, "end", 3, &done), 0);
    else
        CHECK_EQ(ext4_truncate(fs, ino, 19000), 0);
    expect_zeros(fs, ino, 100, 19000);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

/* ---- blocks and inodes that no file has ---- */

static void test_extent_of_block_0(void)
{
    static uint8_t before[1024], data[100];
    ext4_ino ino;
    struct card *card =
        forge(with_file(EXTENTS, 3000, &ino), "eo /f\\nroot\\nn\\nreplace_node 0 3 0\\nec");
    struct ext4 *fs = mount(card, 0);
    size_t done;

    memcpy(before, card->bytes, sizeof(before));
    CHECK_EQ(ext4_write(fs, ino, 0, data, sizeof(data), &done), EBADMSG);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(memcmp(before, card->bytes, sizeof(before)) == 0);
    card_free(card);
    card = forge(with_file(EXTENTS, 3000, &ino), "eo /f\\nroot\\nn\\nreplace_node 0 3 0\\nec");
    fs = mount(card, 0);
    CHECK_EQ(ext4_truncate(fs, ino, 0), EBADMSG);
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

/* A block of the table of inodes in a file's list of blocks. */
static void test_metadata_freed(void)
{
    ext4_ino ino;
    struct card *card = forge(with_file(LISTED, 3000, &ino), "sif /f block[1] 40");
    struct ext4_statistics before, after;
    struct ext4 *fs = mount(card, 0);

    ext4_get_statistics(fs, &before);
    CHECK_EQ(ext4_truncate(fs, ino, 0), EBADMSG);
    ext4_get_statistics(fs, &after);
    CHECK_EQ(after.free_blocks, before.free_blocks);
    CHECK(ext4_is_read_only(fs));
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

static void test_reserved_inode(void)
{
    ext4_ino ino;
    struct card *card = forge(with_file(EXTENTS, 10, &ino), "link <8> /journal");
    struct ext4 *fs = mount(card, 0);

    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("journal"), &ino), EBADMSG);
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

static void test_deep_extents(void)
{
    struct ext4_attributes attributes;
    ext4_ino ino;
    struct card *card = forge(with_file(EXTENTS, 10, &ino), "sif /f block[1] 0x00060004");
    struct ext4 *fs = mount(card, 0);

    CHECK_EQ(ext4_get_attributes(fs, ino, &attributes), EBADMSG);
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

/* It is not empty because nothing can be read of it. */
static void test_unreadable_folder(void)
{
    struct card *card = forge(image_make(4096, EXTENTS), "sif /lost+found block[0] 0x0001f30b");
    struct ext4 *fs = mount(card, 0);

    CHECK_EQ(ext4_rmdir(fs, EXT4_ROOT, name_of("lost+found")), EBADMSG);
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

/* ---- journals and orphans ---- */

static void test_other_journals(void)
{
    struct card *card = image_make(4096, LISTED);

    journal_of(card)[7] = 3; /* version 1 */
    expect_read_only(card);
    card_free(card);
    card = image_make(4096, LISTED);
    memcpy(journal_of(card) + 16, "\0\0\2\0", 4); /* 512 blocks */
    expect_read_only(card);
    card_free(card);
}

/* Until e2fsck has been there. */
static void test_error_in_journal(void)
{
    struct card *card = image_make(4096, EXTENTS);
    const char *image = image_path("forged");
    struct ext4 *fs;

    journal_of(card)[35] = 5;
    expect_read_only(card);
    expect_read_only(card);
    CHECK(card_save(card, image));
    card_free(card);
    CHECK_EQ(image_run(NULL, 0, "e2fsck -fy %s 2>&1", image) & ~1, 0);
    card = card_load(image);
    fs = mount(card, 0);
    CHECK(!ext4_is_read_only(fs));
    CHECK_EQ(ext4_unmount(fs), 0);
    card_free(card);
}

static void test_damaged_orphans(void)
{
    struct card *card = forge(image_make(4096, EXTENTS), "ssv last_orphan 5");

    expect_read_only(card);
    card_free(card);
}

/* ---- unusual, but good ---- */

/* More blocks of a file lie in the journal than one transaction may have; then all are written at once. */
static void test_journalled_data(void)
{
    enum { BLOCKS = 400 };
    static uint8_t data[BLOCKS * 1024];
    ext4_ino ino;
    struct card *card = with_file(EXTENTS, 10, &ino);
    struct ext4 *fs = mount(card, 0);
    size_t done;

    memset(data, 'y', sizeof(data));
    for (unsigned i = 0; i < BLOCKS; i++) {
        CHECK_EQ(ext4_write(fs, ino, i * 1024, data, 1024, &done), 0);
        CHECK_EQ(ext4_truncate(fs, ino, i * 1024 + 512), 0);
    }
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_EQ(ext4_write(fs, ino, 0, data, sizeof(data), &done), 0);
    CHECK_EQ(done, sizeof(data));
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK(image_is_clean_for_linux(card));
    CHECK_TEXT(ext4_problem(fs), "");
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

/* The first inode of a group whose bitmaps have never been written. */
static void test_first_use_of_groups(void)
{
    struct card *card =
        image_make(8192,
                   "-t ext4 -b 1024 -J size=1 -g 1024 -N 256 -O ^flex_bg,^resize_inode,uninit_bg");
    struct ext4 *fs = mount(card, 0);
    ext4_ino ino;

    for (unsigned i = 0; i < 150; i++) {
        char name[16];

        snprintf(name, sizeof(name), "file%u", i);
        CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of(name), &file_mode, &ino), 0);
        CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of(name), &file_mode, &ino), EEXIST);
        if (i % 16 == 0) {
            CHECK_EQ(ext4_sync(fs), 0);
            CHECK(image_is_clean_for_linux(card));
        }
    }
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned by_writing = 0; by_writing < 2; by_writing++) {
        test_behind_the_end(EXTENTS, by_writing != 0);
        test_behind_the_end(LISTED, by_writing != 0);
        test_unfinished_truncation(EXTENTS, by_writing != 0);
        test_unfinished_truncation(LISTED, by_writing != 0);
    }
    test_extent_of_block_0();
    test_metadata_freed();
    test_reserved_inode();
    test_deep_extents();
    test_unreadable_folder();
    test_other_journals();
    test_error_in_journal();
    test_damaged_orphans();
    test_journalled_data();
    test_first_use_of_groups();
    return check_end();
}
