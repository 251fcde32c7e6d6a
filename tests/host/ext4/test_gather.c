/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small writes that are gathered: what is read before they are written, how few requests they are then, and what becomes of them when files go, when operations fail, and
 * when the card refuses some of them.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

enum { KIBIBYTES = 32 * 1024, FILES = 1000, SIZE = 1000, SECTORS_TRIED = 200 };

static struct card *card;
static struct ext4 *fs;
static ext4_ino files[FILES];
static uint8_t bytes[64 * 1024];

static void begin(void)
{
    card = image_make(KIBIBYTES, "-t ext4 -b 4096 -N 2048 -J size=4");
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    ext4_gather(fs, true);
}

static void end(void)
{
    CHECK_TEXT(ext4_problem(fs), "");
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

static void fill(unsigned file)
{
    for (unsigned i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(1 + (file * 7 + i) % 255);
}

static void create(unsigned file)
{
    const struct ext4_attributes as = {.mode = S_IFREG | 0644};
    char name[32];

    snprintf(name, sizeof(name), "file %u", file);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of(name), &as, &files[file]), 0);
}

static void unlink_file(unsigned file)
{
    char name[32];

    snprintf(name, sizeof(name), "file %u", file);
    CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, name_of(name)), 0);
}

static void put(unsigned file)
{
    size_t done;

    fill(file);
    CHECK_EQ(ext4_write(fs, files[file], 0, bytes, SIZE, &done), 0);
}

static bool is_there(unsigned file)
{
    uint8_t found[SIZE];
    size_t got;

    fill(file);
    CHECK_EQ(ext4_read(fs, files[file], 0, found, SIZE, &got), 0);
    return got == SIZE && memcmp(found, bytes, SIZE) == 0;
}

static void make(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        create(i);
        put(i);
    }
}

static void test_requests(void)
{
    begin();
    const uint64_t before = card->writes;
    make(FILES);
    for (unsigned i = 0; i < FILES; i++)
        CHECK(is_there(i));
    CHECK_EQ(ext4_sync(fs), 0);
    printf("%u files: %u writes\n", FILES, (unsigned)(card->writes - before));
    CHECK(card->writes - before <= 60);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    for (unsigned i = 0; i < FILES; i++)
        CHECK(is_there(i));
    end();
}

/* Files that are gone before anything is written: their data goes nowhere. */
static void test_removed(void)
{
    enum { COUNT = 100 };

    begin();
    make(COUNT);
    const uint64_t before = card->bytes_written;
    for (unsigned i = 0; i < COUNT; i++)
        unlink_file(i);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK(card->bytes_written - before < COUNT * 4096);
    end();
}

/* Written over, written over in place at once, made shorter, longer. */
static void test_changes(void)
{
    size_t done;

    begin();
    make(4);
    ext4_gather(fs, false);
    memset(bytes, 9, sizeof(bytes));
    CHECK_EQ(ext4_write(fs, files[0], 500, bytes, 60000, &done), 0);
    fill(0);
    memset(bytes + 500, 9, sizeof(bytes) - 500);
    uint8_t found[60500];
    CHECK_EQ(ext4_read(fs, files[0], 0, found, sizeof(found), &done), 0);
    CHECK(memcmp(found, bytes, sizeof(found)) == 0);
    CHECK_EQ(ext4_truncate(fs, files[1], 300), 0);
    CHECK_EQ(ext4_truncate(fs, files[1], SIZE), 0);
    ext4_gather(fs, true);
    put(2);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_EQ(ext4_read(fs, files[0], 0, found, sizeof(found), &done), 0);
    CHECK(memcmp(found, bytes, 0) == 0 && is_there(2) && is_there(3));
    fill(1);
    CHECK_EQ(ext4_read(fs, files[1], 0, found, SIZE, &done), 0);
    CHECK_EQ(done, SIZE);
    CHECK(memcmp(found, bytes, 300) == 0 && found[300] == 0 && found[SIZE - 1] == 0);
    end();
}

/* Requests of the sync fail, one at a time, and for good from there on for all that write: what is lost is told of its file; others are whole. */
static bool lose(uint64_t nth)
{
    enum { COUNT = 40 };
    ext4_ino ino;
    bool lost[COUNT] = {0};
    int error;

    begin();
    for (unsigned i = 0; i < COUNT; i++)
        create(i);
    CHECK_EQ(ext4_sync(fs), 0);
    for (unsigned i = 0; i < COUNT; i++)
        put(i);
    card_fail(card, CARD_WRITE, nth, false);
    error = ext4_sync(fs);
    const bool failed = card->failures != 0;
    card_fail(card, 0, 0, false);
    if (error == 0)
        CHECK_TEXT(ext4_problem(fs), "");
    while (ext4_take_lost(fs, &ino, &error))
        for (unsigned i = 0; i < COUNT; i++)
            lost[i] |= files[i] == ino;
    for (unsigned i = 0; i < COUNT; i++)
        CHECK(is_there(i) || lost[i]);
    (void)!ext4_unmount(fs);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    end();
    return failed;
}

/* A sector that takes nothing any more. */
static void test_bad_block(void)
{
    uint64_t nth = 1;

    while (lose(nth))
        nth++;
    CHECK(nth > 1);
    printf("%u requests failed\n", (unsigned)nth - 1);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_requests();
    test_removed();
    test_changes();
    test_bad_block();
    return check_end();
}
