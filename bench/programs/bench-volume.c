/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files on a card, from the program's call to its return: instructions on this CPU, those of the file servers, the driver and the kernel included, and what was asked
 * of the card. They are counted, not timed: while the card is at work the CPU is idle, and time goes on. Rows are of pages that are there (cached), or of a card
 * that is read and written.
 *
 * Arguments: folder=FOLDER, where the card is mounted (apps/systems/volume.conf); in it is `large`, of LARGE bytes, which nobody has read. Boot with pmu=user and one CPU.
 */
#include "arguments.h"
#include "series.h"
#include <fcntl.h>
#include <libsys/check.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <user/machine.h>
#include <wharf/if/mounted_volume.h>
#include <wharf/if/service.h>

enum {
    PAGE = 4096,
    MIB = 1 << 20,
    PIECE = 65536,
    LARGE = 16 * MIB,
    SMALL = 100,
    FILES = 1000,
    APPENDS = 20,
    STRIDE =
        80, /* pages from one that is asked for alone to the next, further than is read ahead */
    ALONE = 100,
    PATH = 128,
};

static char folder[64];
static char buffer[PIECE];
static mach_port_name_t volume;

static const char *path_of(const char *name)
{
    static char path[PATH];

    format_text(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int open_file(const char *name, int flags)
{
    const int file = open(path_of(name), flags, 0644);

    CHECK(file >= 0);
    return file;
}

static void print_row(const char *name, const char *unit, uint64_t value, unsigned divisor)
{
    struct series one = {0};

    series_add(&one, value);
    series_print(&one, name, unit, divisor);
}

/* ---- what happened meanwhile ---- */

struct state {
    uint64_t reads, writes, flushes, bytes_read, bytes_written;
    uint32_t instructions;
};

static struct state state_now(void)
{
    char problem[MOUNTED_VOLUME_PROBLEM_MAX];
    struct state now = {0};
    uint32_t opens;
    bool read_only;

    CHECK_EQUAL(mounted_volume_facts(volume, &opens, &read_only, problem, &now.reads, &now.writes,
                                     &now.flushes, &now.bytes_read, &now.bytes_written),
                KERN_SUCCESS);
    if (!CHECK(!read_only))
        print("%s\n", problem);
    now.instructions = machine_instructions();
    return now;
}

static void print_part(const char *row, const char *part, const char *unit, uint64_t value,
                       unsigned divisor)
{
    char name[64];

    format_text(name, sizeof(name), "%s_%s", row, part);
    print_row(name, unit, value, divisor);
}

/* Requests and bytes for each of `whole`; `each` is the row of the instructions, for each of `count`. */
static void print_change(const char *row, const char *each, const struct state *before,
                         unsigned count, unsigned whole)
{
    const uint32_t instructions = machine_instructions() - before->instructions;
    const struct state now = state_now();

    print_row(each, "instructions", instructions, count);
    print_part(row, "reads", "requests", now.reads - before->reads, whole);
    print_part(row, "bytes_read", "bytes", now.bytes_read - before->bytes_read, whole);
    print_part(row, "writes", "requests", now.writes - before->writes, whole);
    print_part(row, "bytes_written", "bytes", now.bytes_written - before->bytes_written, whole);
    print_part(row, "flushes", "requests", now.flushes - before->flushes, whole);
}

/* ---- a card that is read and written ---- */

static void read_large(void)
{
    const struct state before = state_now();
    const int file = open_file("large", O_RDONLY);
    ssize_t got;
    uint64_t done = 0;

    while ((got = read(file, buffer, PIECE)) > 0)
        done += (uint64_t)got;
    CHECK_EQUAL(done, (uint64_t)LARGE);
    close(file);
    print_change("card_read", "card_read_mib", &before, LARGE / MIB, 1);
}

static void write_large(void)
{
    const struct state before = state_now();
    const int file = open_file("written", O_WRONLY | O_CREAT);

    memset(buffer, 'w', PIECE);
    for (unsigned i = 0; i < LARGE / PIECE; i++)
        CHECK_EQUAL(write(file, buffer, PIECE), PIECE);
    CHECK_EQUAL(fsync(file), 0);
    close(file);
    print_change("card_write", "card_write_mib", &before, LARGE / MIB, 1);
}

static void create_small(void)
{
    const struct state before = state_now();
    char name[16];

    for (unsigned i = 0; i < FILES; i++) {
        format_text(name, sizeof(name), "small%u", i);
        const int file = open_file(name, O_WRONLY | O_CREAT);
        CHECK_EQUAL(write(file, buffer, SMALL), SMALL);
        close(file);
    }
    print_row("card_create_file_unsynced", "instructions",
              machine_instructions() - before.instructions, FILES);
    sync();
    print_change("card_create", "card_create_file", &before, FILES, 1);
}

static void append(void)
{
    const int file = open_file("small0", O_WRONLY | O_APPEND);

    CHECK_EQUAL(write(file, buffer, SMALL), SMALL);
    CHECK_EQUAL(fsync(file), 0);
    const struct state before = state_now();
    for (unsigned i = 0; i < APPENDS; i++) {
        CHECK_EQUAL(write(file, buffer, SMALL), SMALL);
        CHECK_EQUAL(fsync(file), 0);
    }
    print_change("card_append", "card_append_sync", &before, APPENDS, APPENDS);
    close(file);
}

/* ---- pages that are there ---- */

static uint32_t read_mib(int file)
{
    const uint32_t before = machine_instructions();

    for (unsigned i = 0; i < MIB / PIECE; i++)
        CHECK_EQUAL(read(file, buffer, PIECE), PIECE);
    return machine_instructions() - before;
}

static void read_cached(void)
{
    static struct series series;
    const int file = open_file("large", O_RDONLY);

    (void)read_mib(file);
    for (unsigned i = 0; i < SERIES_LENGTH; i++) {
        CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
        series_add(&series, read_mib(file));
    }
    series_print(&series, "read_cached_mib", "instructions", 1);
    close(file);
}

/* ---- faults ---- */

/* A second pass over the same pages is the loop alone. */
[[gnu::noinline]] static uint32_t touch_each(const volatile char *at, unsigned n, unsigned stride)
{
    const uint32_t before = machine_instructions();

    for (; n > 0; n--, at += (uint64_t)stride * PAGE)
        (void)*at;
    return machine_instructions() - before;
}

/* The first touch of n pages, of which each is `stride` pages behind the one before. */
static uint32_t fault_each(int file, unsigned n, unsigned stride)
{
    const size_t size = (size_t)n * stride * PAGE;
    char *at = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);

    if (!CHECK(at != MAP_FAILED))
        return 0;
    const uint32_t first = touch_each(at, n, stride), again = touch_each(at, n, stride);
    CHECK_EQUAL(munmap(at, size), 0);
    return first - again;
}

static void fault_resident(void)
{
    static struct series series;
    const int file = open_file("large", O_RDONLY);
    const unsigned pages = LARGE / PAGE / 4;

    (void)fault_each(file, pages, 1);
    for (unsigned i = 0; i < SERIES_LENGTH; i++)
        series_add(&series, fault_each(file, pages, 1));
    series_print(&series, "file_fault_resident", "instructions", pages);
    close(file);
}

/* Pages of a hole: their server has them without its card. Each round has a file of its own. */
static void fault_pager(const char *row, unsigned pages, unsigned stride)
{
    struct series series = {0};

    for (unsigned i = 0; i < SERIES_LENGTH; i++) {
        const int file = open_file("hole", O_RDWR | O_CREAT | O_EXCL);
        CHECK_EQUAL(ftruncate(file, (off_t)pages * stride * PAGE), 0);
        series_add(&series, fault_each(file, pages, stride));
        close(file);
        CHECK_EQUAL(unlink(path_of("hole")), 0);
    }
    series_print(&series, row, "instructions", pages);
}

int main(void)
{
    word_argument("folder=", folder, sizeof(folder));
    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "disk.volume", &volume),
                KERN_SUCCESS);
    if (!check_failures()) {
        read_large();
        read_cached();
        fault_resident();
        fault_pager("file_fault_pager", ALONE, STRIDE);
        fault_pager("file_fault_pager_run", MIB / PAGE, 1);
        sync();
        write_large();
        create_small();
        append();
    }
    print("bench: done\n");
    return check_end("bench-volume");
}
