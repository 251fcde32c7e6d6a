/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on files whose card is cut off afterwards at any of its writes (tests/qemu/powercuts.py): what is found then tells how far it had got, and so what has to be there.
 *
 * Arguments: folder=PATH rounds=N seed=N. Round i, each step of which is done when the one before it is on the card:
 *
 *      f0000i      made, written and synced; its content follows from i and the seed. Of every three the first is removed three rounds later
 *      current     a file with `i` in it takes its place by rename
 *      mapped      page i of it says i, by a store to a mapping of it and msync
 *      log         grows by a line that says i
 */
#include "arguments.h"
#include <fcntl.h>
#include <libsys/check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONGEST = 60000, NAME = 160, PAGE = 4096 };

static char folder[NAME];

static const char *path_of(const char *name)
{
    static char path[2 * NAME];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *name_of(unsigned round)
{
    static char name[16];

    snprintf(name, sizeof(name), "f%05u", round);
    return name;
}

/* As powercuts.py has it. */
static unsigned length_of(unsigned round, unsigned seed)
{
    return (round * 2654435761u + seed * 40503u) % LONGEST;
}

static void fill(char *bytes, unsigned size, unsigned round, unsigned seed)
{
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 + round * 31 + seed + i / 256);
}

static void write_file(const char *name, const char *bytes, unsigned size, int flags)
{
    const int file = open(path_of(name), O_WRONLY | O_CREAT | flags, 0644);

    CHECK(file >= 0);
    CHECK_EQUAL(write(file, bytes, size), size);
    CHECK_EQUAL(fsync(file), 0);
    CHECK_EQUAL(close(file), 0);
}

static void sync_folder(void)
{
    const int file = open(folder, O_RDONLY | O_DIRECTORY);

    CHECK_EQUAL(fsync(file), 0);
    CHECK_EQUAL(close(file), 0);
}

/* A page for each round. */
static unsigned char *map_pages(unsigned rounds)
{
    static const char zeroes[PAGE];
    const int file = open(path_of("mapped"), O_RDWR | O_CREAT | O_EXCL, 0644);

    CHECK(file >= 0);
    for (unsigned i = 0; i <= rounds; i++)
        CHECK_EQUAL(write(file, zeroes, PAGE), PAGE);
    unsigned char *at =
        mmap(NULL, (rounds + 1) * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(at != MAP_FAILED);
    CHECK_EQUAL(close(file), 0);
    return at;
}

static void store(unsigned char *pages, unsigned round)
{
    memset(pages + (size_t)round * PAGE, (int)round, PAGE);
    CHECK_EQUAL(msync(pages + (size_t)round * PAGE, PAGE, MS_SYNC), 0);
}

static void one_round(unsigned round, unsigned seed, unsigned char *pages)
{
    static char bytes[LONGEST];
    char text[16], target[2 * NAME];
    const unsigned size = length_of(round, seed);

    fill(bytes, size, round, seed);
    write_file(name_of(round), bytes, size, O_EXCL);
    snprintf(text, sizeof(text), "%05u\n", round);
    write_file("next", text, 6, O_TRUNC);
    snprintf(target, sizeof(target), "%s", path_of("current"));
    CHECK_EQUAL(rename(path_of("next"), target), 0);
    sync_folder();
    store(pages, round);
    write_file("log", text, 6, O_APPEND);
    if (round > 3 && round % 3 == 0) {
        CHECK_EQUAL(unlink(path_of(name_of(round - 3))), 0);
        sync_folder();
    }
}

int main(void)
{
    const unsigned rounds = (unsigned)number_argument("rounds=", 20),
                   seed = (unsigned)number_argument("seed=", 1);

    word_argument("folder=", folder, sizeof(folder));
    unsigned char *pages = map_pages(rounds);
    for (unsigned round = 1; round <= rounds; round++)
        one_round(round, seed, pages);
    CHECK_EQUAL(munmap(pages, (rounds + 1) * (size_t)PAGE), 0);
    printf("power-work: %u rounds, seed %u\n", rounds, seed);
    return check_end("power-work");
}
