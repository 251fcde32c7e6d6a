/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX's functions of files and memory. The rows that need files are run when the program may look up the service `files` (apps/systems/bench-files.conf). Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/clone.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MESSAGE = 8 };

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

/* ---- memory ---- */

[[gnu::noinline]] static int map_touch(void)
{
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return 1;
    *(volatile char *)at = 1;
    return munmap(at, PAGE);
}

static uint64_t mmap_touch_munmap(uint64_t n)
{
    ROW_LOOP(n, map_touch());
}

/* Programs have other memory beside what comes and goes: tables of pages are there. */
static void touch_neighbour(void)
{
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    *(volatile char *)at = 1;
}

/* ---- pipes ---- */

static int there[2], back[2];

/* The other task: what comes goes back, until nobody is left who could send. */
static int echo(void *argument)
{
    char bytes[MESSAGE];

    (void)argument;
    close(there[1]);
    close(back[0]);
    while (read(there[0], bytes, sizeof(bytes)) == sizeof(bytes))
        if (write(back[1], bytes, sizeof(bytes)) != sizeof(bytes))
            return 1;
    return 0;
}

[[gnu::noinline]] static int round_trip(void)
{
    char bytes[MESSAGE] = "message";

    return write(there[1], bytes, sizeof(bytes)) != sizeof(bytes) ||
           read(back[0], bytes, sizeof(bytes)) != sizeof(bytes);
}

static uint64_t pipe_round_trip(uint64_t n)
{
    ROW_LOOP(n, round_trip());
}

static void make_echo(void)
{
    static struct clone child;

    CHECK_EQUAL(pipe(there), 0);
    CHECK_EQUAL(pipe(back), 0);
    CHECK_EQUAL(clone_make(&child, echo, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    CHECK_EQUAL(clone_run(&child), KERN_SUCCESS);
    close(there[0]);
    close(back[1]);
}

/* The same without another task: a write, and a read of what is there. */
static int alone[2];

[[gnu::noinline]] static int write_read(void)
{
    char bytes[MESSAGE] = "message";

    return write(alone[1], bytes, sizeof(bytes)) != sizeof(bytes) ||
           read(alone[0], bytes, sizeof(bytes)) != sizeof(bytes);
}

static uint64_t pipe_write_read(uint64_t n)
{
    ROW_LOOP(n, write_read());
}

static void make_alone(void)
{
    CHECK_EQUAL(pipe(alone), 0);
}

[[gnu::noinline]] static int seek(void)
{
    return lseek(alone[0], 0, SEEK_CUR) != -1;
}

static uint64_t lseek_refused(uint64_t n)
{
    ROW_LOOP(n, seek());
}

static const struct row memory[] = {{"mmap_touch_munmap", mmap_touch_munmap, touch_neighbour}};
static const struct row pipes[] = {
    {"pipe_round_trip", pipe_round_trip, make_echo},
    {"pipe_write_read", pipe_write_read, make_alone},
    {"lseek_refused", lseek_refused, NULL},
};

int main(int argc, char **argv)
{
    const uint64_t overhead = empty(REPEATS);

    rows_run(memory, 1, overhead, argc, argv);
    if (program_start_info->bootstrap != MSG_NULL)
        rows_run(pipes, sizeof(pipes) / sizeof(pipes[0]), overhead, argc, argv);
    print("bench: done\n");
    return 0;
}
