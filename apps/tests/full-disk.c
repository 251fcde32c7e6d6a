/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system that is filled, in several ways. A write succeeds, is short, or fails with ENOSPC; what was accepted reads back when nothing of it is kept in memory any more, unless
 * fsync has told an error; what was removed is free again. Then the limits of full-disk-limits.c.
 *
 * Arguments: folder=PATH, format=ext4 or fat. All is in a folder of its own there, and removed at the end.
 *
 * A file's content follows from its number: word i of file n is mixed from both. So what is there is looked at without a copy of it.
 */
#include "full-disk.h"
#include "arguments.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    BIG = 256 * 1024, /* bytes of a big write */
    APPENDED = 5000,  /* bytes of a small one: neither words nor pages divide into it */
    SMALL = 30000,
    GROWING = 16, /* files that grow side by side */
    FILES_MAX = 10000,
    KEPT = 1100,       /* files: more than the server keeps pages of */
    SLACK = 64 * 1024, /* bytes that tables may have grown by */
    TRIES = 500,
    PAUSE = 20 * 1000, /* microseconds */
};

bool has_holes;
static char bytes[BIG], got[BIG];
static uint64_t sizes[FILES_MAX]; /* of what was accepted */
static unsigned count;

/* ---- room ---- */

uint64_t free_bytes(void)
{
    struct statvfs system;

    return CHECK_EQUAL(statvfs(".", &system), 0) ? (uint64_t)system.f_bavail * system.f_frsize : 0;
}

void check_free_again(uint64_t before)
{
    uint64_t after = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        sync();
        after = free_bytes();
        if (after + SLACK >= before)
            return;
        (void)usleep(PAUSE);
    }
    print("full-disk: %lu bytes were free, and %lu are\n", (unsigned long)before,
          (unsigned long)after);
    CHECK(!"what was removed is free again");
}

static const char *kept_name(unsigned number)
{
    static char name[32];

    snprintf(name, sizeof(name), "kept/%u", number);
    return name;
}

static void make_kept(void)
{
    CHECK_EQUAL(mkdir("kept", 0755), 0);
    for (unsigned i = 0; i < KEPT; i++) {
        const int file = open(kept_name(i), O_WRONLY | O_CREAT | O_EXCL, 0644);
        CHECK_EQUAL(write(file, &i, sizeof(i)), sizeof(i));
        CHECK_EQUAL(close(file), 0);
    }
}

void drop_kept(void)
{
    for (unsigned i = 0; i < KEPT; i++) {
        const int file = open(kept_name(i), O_RDONLY);
        unsigned number = KEPT;
        CHECK_EQUAL(read(file, &number, sizeof(number)), sizeof(number));
        CHECK_EQUAL(number, i);
        CHECK_EQUAL(close(file), 0);
    }
}

static void remove_kept(void)
{
    for (unsigned i = 0; i < KEPT; i++)
        CHECK_EQUAL(unlink(kept_name(i)), 0);
    CHECK_EQUAL(rmdir("kept"), 0);
}

/* ---- content ---- */

static uint64_t word_of(unsigned number, uint64_t index)
{
    return (index + (uint64_t)number * 1000003) * UINT64_C(0x9e3779b97f4a7c15) ^ index;
}

/* `bytes` becomes what is at a place of a file. */
static void fill(unsigned number, uint64_t at, size_t size)
{
    for (size_t done = 0; done < size;) {
        const uint64_t word = word_of(number, (at + done) / 8);
        const size_t skipped = (at + done) % 8;
        const size_t part = size - done < 8 - skipped ? size - done : 8 - skipped;
        memcpy(bytes + done, (const char *)&word + skipped, part);
        done += part;
    }
}

static int open_file(unsigned number, int flags)
{
    char name[32];

    snprintf(name, sizeof(name), "files/%05u", number);
    return open(name, flags, 0644);
}

/* The errors that a full file system has. */
static bool is_full(ssize_t result)
{
    if (result >= 0)
        return false;
    CHECK_EQUAL(errno, ENOSPC);
    return true;
}

/* A write at a place. How much of it was accepted, or less than nothing when the file system is full. */
static ssize_t put(int file, unsigned number, uint64_t at, size_t size)
{
    fill(number, at, size);
    const ssize_t done = pwrite(file, bytes, size, (off_t)at);

    if (is_full(done))
        return -1;
    CHECK(done > 0 && (size_t)done <= size);
    return done;
}

static void check_range(int file, unsigned number, uint64_t at, size_t size)
{
    fill(number, at, size);
    memset(got, 0, size);
    if (CHECK_EQUAL(pread(file, got, size, (off_t)at), size) && memcmp(got, bytes, size) == 0)
        return;
    size_t i = 0;
    while (i < size && got[i] == bytes[i])
        i++;
    print("full-disk: file %u is not what was written from %lu on\n", number,
          (unsigned long)(at + i));
    CHECK(!"what was accepted is there");
}

static void check_file(unsigned number)
{
    const int file = open_file(number, O_RDONLY);
    struct stat status;

    if (!CHECK(file >= 0))
        return;
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_size, sizes[number]);
    for (uint64_t at = 0; at < sizes[number]; at += BIG) {
        const uint64_t left = sizes[number] - at;
        check_range(file, number, at, left < BIG ? (size_t)left : BIG);
    }
    CHECK_EQUAL(close(file), 0);
}

/* Closed, so that nothing of it is kept, and opened again. */
static int reopen(int file)
{
    CHECK_EQUAL(close(file), 0);
    drop_kept();
    file = open_file(0, O_RDWR);
    CHECK(file >= 0);
    return file;
}

static void sync_all(void)
{
    const int folder = open(".", O_RDONLY | O_DIRECTORY);

    CHECK_EQUAL(syncfs(folder), 0);
    CHECK_EQUAL(close(folder), 0);
}

/* Everything that was accepted is on the card. */
static void check_all(void)
{
    sync_all();
    drop_kept();
    for (unsigned i = 0; i < count; i++)
        check_file(i);
}

static void remove_all(void)
{
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "files/%05u", i);
        CHECK_EQUAL(unlink(name), 0);
    }
    count = 0;
}

/* ---- the ways ---- */

static const char *folder_name(unsigned number)
{
    static char name[32];

    snprintf(name, sizeof(name), "files/folder%u", number);
    return name;
}

/* Folders as long as there is room for them, which go again. */
static void fill_with_folders(void)
{
    unsigned folders = 0;

    while (folders < FILES_MAX && !is_full(mkdir(folder_name(folders), 0755)))
        folders++;
    CHECK(folders < FILES_MAX);
    while (folders > 0)
        CHECK_EQUAL(rmdir(folder_name(--folders)), 0);
}

static void fill_big(void)
{
    const int file = open_file(0, O_RDWR | O_CREAT | O_EXCL);
    ssize_t done;

    count = 1;
    sizes[0] = 0;
    while ((done = put(file, 0, sizes[0], BIG)) > 0)
        sizes[0] += (uint64_t)done;
    CHECK_EQUAL(fsync(file), 0);
    CHECK_EQUAL(close(file), 0);
    fill_with_folders();
}

static void fill_appending(void)
{
    int files[GROWING];
    bool full = false;

    count = GROWING;
    for (unsigned i = 0; i < GROWING; i++) {
        sizes[i] = 0;
        files[i] = open_file(i, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
        CHECK(files[i] >= 0);
    }
    for (unsigned i = 0; !full; i = (i + 1) % GROWING) {
        fill(i, sizes[i], APPENDED);
        const ssize_t done = write(files[i], bytes, APPENDED);
        full = is_full(done) || !CHECK(done > 0);
        sizes[i] += done > 0 ? (uint64_t)done : 0;
    }
    for (unsigned i = 0; i < GROWING; i++) {
        CHECK_EQUAL(fsync(files[i]), 0);
        CHECK_EQUAL(close(files[i]), 0);
    }
}

/* True: it is full. */
static bool make_small(unsigned number)
{
    const int file = open_file(number, O_WRONLY | O_CREAT | O_EXCL);

    if (is_full(file))
        return true;
    count++;
    const ssize_t done = put(file, number, 0, SMALL);
    sizes[number] = done > 0 ? (uint64_t)done : 0;
    CHECK_EQUAL(close(file), 0);
    return done < 0;
}

static void fill_small(void)
{
    while (count < FILES_MAX && !make_small(count))
        continue;
}

static bool grow(int file, uint64_t size)
{
    if (ftruncate(file, (off_t)size) == 0)
        return true;
    CHECK_EQUAL(errno, ENOSPC);
    return false;
}

/* What is full has to let go of what is in it. */
static bool empty(int file)
{
    if (ftruncate(file, 0) == 0)
        return true;
    print("full-disk: a file cannot be emptied: errno %d\n", errno);
    return false;
}

/* Every second page of a hole, and then the others: nothing that was accepted is lost, though the file does not grow. */
static void fill_hole(void)
{
    const uint64_t end = 2 * free_bytes() / PAGE * PAGE;
    int file = open_file(0, O_RDWR | O_CREAT | O_EXCL);
    char *accepted = calloc(1, (size_t)(end / PAGE) + 1);

    count = 1;
    sizes[0] = 0;
    if (CHECK(accepted) && CHECK(grow(file, end))) {
        bool full = false;
        for (uint64_t first = 0; first < 2; first++)
            for (uint64_t page = first; !full && page < end / PAGE; page += 2) {
                const ssize_t done = put(file, 0, page * PAGE, PAGE);
                full = done < 0;
                accepted[page] = done == PAGE;
            }
        CHECK(full);
        CHECK_EQUAL(fsync(file), 0);
        file = reopen(file);
        for (uint64_t page = 0; page < end / PAGE; page++)
            if (accepted[page])
                check_range(file, 0, page * PAGE, PAGE);
    }
    free(accepted);
    CHECK(empty(file));
    CHECK_EQUAL(close(file), 0);
}

/* A hole in a new file that is longer than there is room for, mapped; NULL: there is none. */
static char *map_hole(int *file, size_t *end)
{
    *end = (size_t)(free_bytes() + free_bytes() / 4) / PAGE * PAGE;
    *file = open_file(0, O_RDWR | O_CREAT | O_EXCL);
    count = 1;
    sizes[0] = 0;
    if (!CHECK(grow(*file, *end)))
        return NULL;
    char *mapped = mmap(NULL, *end, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
    CHECK(mapped != MAP_FAILED);
    return mapped;
}

/* There is no call that could refuse: the error is told by msync or fsync. */
static void fill_mapped(void)
{
    size_t end;
    int file;
    char *mapped = map_hole(&file, &end);

    if (mapped != NULL) {
        for (size_t at = 0; at < end; at += PAGE) {
            fill(0, at, PAGE);
            memcpy(mapped + at, bytes, PAGE);
        }
        const int flushed = msync(mapped, end, MS_SYNC), synced = fsync(file);
        CHECK(flushed != 0 || synced != 0);
        CHECK_EQUAL(munmap(mapped, end), 0);
        CHECK_EQUAL(fsync(file), 0);
    }
    CHECK(empty(file));
    CHECK_EQUAL(fsync(file), 0);
    CHECK_EQUAL(close(file), 0);
}

/* What was told for one file by nobody's wish stays to be told to who asks for that file, whatever else is synced or used meanwhile. */
static void fill_mapped_and_wait(void)
{
    size_t end;
    int file;
    char *mapped = map_hole(&file, &end);

    if (mapped != NULL) {
        for (size_t at = 0; at < end; at += PAGE)
            mapped[at] = 1;
        CHECK_EQUAL(munmap(mapped, end), 0);
        sync();
        drop_kept();
        CHECK_FAILS(fsync(file), ENOSPC);
        CHECK_EQUAL(fsync(file), 0);
    }
    CHECK(empty(file));
    CHECK_EQUAL(close(file), 0);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*fill)(void);
        bool holes;
    } ways[] = {
        {"big writes", fill_big, false},
        {"appending", fill_appending, false},
        {"small files", fill_small, false},
        {"a hole", fill_hole, true},
        {"a hole that is mapped", fill_mapped, true},
        {"an error that waits", fill_mapped_and_wait, true},
    };
    char word[64];

    has_holes = strcmp(word_argument("format=", word, sizeof(word)), "fat") != 0;
    (void)umask(0);
    CHECK_EQUAL(chdir(word_argument("folder=", word, sizeof(word))), 0);
    const uint64_t first = free_bytes();
    CHECK_EQUAL(mkdir("full-disk", 0755), 0);
    CHECK_EQUAL(chdir("full-disk"), 0);
    make_kept();
    sync();
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (ways[i].holes && !has_holes)
            continue;
        const uint64_t before = free_bytes();
        print("full-disk: %s\n", ways[i].name);
        CHECK_EQUAL(mkdir("files", 0755), 0);
        ways[i].fill();
        check_all();
        remove_all();
        CHECK_EQUAL(rmdir("files"), 0);
        check_free_again(before);
    }
    check_opens();
    check_folder();
    check_names();
    check_deep();
    check_sizes();
    remove_kept();
    CHECK_EQUAL(chdir(".."), 0);
    CHECK_EQUAL(rmdir("full-disk"), 0);
    check_free_again(first);
    return check_end("full-disk");
}
