/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads of more than a message holds, which the kernel may copy from where the file is mapped: they show what was written, wherever the file has grown or was cut meanwhile.
 */
#include "posix-files.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 70000, FAR = (1 << 20) - 30000, FILES = 12 };

static char *wanted, *got;

/* What lies there is in `wanted`. */
static void fill(int file, off_t at, char seed)
{
    for (unsigned i = 0; i < SIZE; i++)
        wanted[i] = (char)(seed + i * 7 + i / 255);
    CHECK_EQUAL(pwrite(file, wanted, SIZE, at), SIZE);
}

static void expect(int file, off_t at, size_t size)
{
    memset(got, 0, SIZE);
    CHECK_EQUAL(pread(file, got, SIZE, at), size);
    CHECK(memcmp(got, wanted, size) == 0);
}

/* Across the end of what is mapped at once, and written to again. */
static void check_content(int file)
{
    fill(file, FAR, 1);
    expect(file, FAR, SIZE);
    fill(file, FAR, 2);
    expect(file, FAR, SIZE);
    CHECK_EQUAL(lseek(file, FAR, SEEK_SET), FAR);
    CHECK_EQUAL(read(file, got, SIZE), SIZE);
    CHECK(memcmp(got, wanted, SIZE) == 0);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), FAR + SIZE);
    CHECK_EQUAL(read(file, got, SIZE), 0);
    expect(file, FAR + SIZE, 0);
}

static void check_size(int file)
{
    fill(file, 0, 3);
    CHECK_EQUAL(ftruncate(file, 9000), 0);
    expect(file, 0, 9000);
    CHECK_EQUAL(ftruncate(file, SIZE), 0);
    memset(wanted + 9000, 0, SIZE - 9000);
    expect(file, 0, SIZE);
    fill(file, SIZE, 4); /* it has grown */
    expect(file, SIZE, SIZE);
}

static void check_refusal(void)
{
    const int other = open("long", O_WRONLY);

    CHECK_FAILS(read(other, got, SIZE), EBADF);
    close(other);
}

/* The offset is one for both, and the child has to map for itself. */
static void check_fork(int file)
{
    int status = 1;

    fill(file, 0, 5);
    expect(file, 0, SIZE);
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(read(file, got, 30000) == 30000 && memcmp(got, wanted, 30000) == 0 ? 0 : 2);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(read(file, got, 30000), 30000);
    CHECK(memcmp(got, wanted + 30000, 30000) == 0);
}

/* More than are mapped at once; by another descriptor of the same file, too, and when it has no name any more. */
static void check_many(void)
{
    int file[FILES];

    for (unsigned i = 0; i < FILES; i++) {
        file[i] = open("long-one", O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK_EQUAL(unlink("long-one"), 0);
        fill(file[i], 0, (char)i);
        expect(file[i], 0, SIZE);
    }
    for (unsigned i = 0; i < FILES; i++) {
        const int other = dup(file[i]);
        close(file[i]);
        fill(other, 100, (char)(i + 50));
        expect(other, 100, SIZE);
        close(other);
    }
}

void check_long(void)
{
    wanted = malloc(SIZE);
    got = malloc(SIZE);
    const int file = open("long", O_RDWR | O_CREAT | O_EXCL, 0600);

    if (CHECK(wanted && got && file >= 0)) {
        check_content(file);
        check_size(file);
        check_refusal();
        check_fork(file);
        check_many();
    }
    close(file);
    CHECK_EQUAL(unlink("long"), 0);
    free(wanted);
    free(got);
}
