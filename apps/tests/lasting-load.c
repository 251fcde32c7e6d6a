/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Works with the files of a server that is killed again and again, and is to notice nothing: no call fails, and all is as it has to be. Each thread has files of its own, with a model of
 * each in memory, and all append to one file that is open once, records that are to be there once each, in each thread's order.
 *
 * Arguments: service=NAME seed=N while=PROGRAM (goes on until that has ended) rounds=N.
 */
#include "arguments.h"
#include "supervised.h"
#include <errno.h>
#include <fcntl.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wharf/if/service.h>

void place_import(mach_port_name_t root, mach_port_name_t cwd, uint32_t mask);

enum { THREADS = 3, FILES = 4, CONTENT = 3000, NAME = 24, RECORDS = 500 };

/* One file of a thread's, as it has to be. */
struct file {
    int number; /* descriptor; -1: it is not there */
    bool named, locked;
    char name[NAME];
    long size, offset;
    char content[CONTENT];
};

struct worker {
    struct thread thread;
    unsigned index;
    uint64_t state;
    unsigned made; /* names so far */
    uint32_t appended;
    unsigned long operations;
    struct file files[FILES];
    char bytes[CONTENT];
};

struct record {
    uint32_t worker, number;
};

static struct worker workers[THREADS];
static int shared; /* opened with O_APPEND */
static mach_port_name_t supervisor;
static char program[64];
static uint64_t rounds;

static uint64_t below(struct worker *w, uint64_t n)
{
    w->state ^= w->state << 13;
    w->state ^= w->state >> 7;
    w->state ^= w->state << 17;
    return w->state % n;
}

static bool goes_on(void)
{
    struct supervisor_row row;

    return supervised_row(supervisor, program, &row) && row.state != SUPERVISOR_STATE_STOPPED &&
           row.state != SUPERVISOR_STATE_FAILED;
}

/* ---- names ---- */

static void name_anew(struct worker *w, char name[NAME])
{
    snprintf(name, NAME, "w%u-%u", w->index, w->made++);
}

/* O_EXCL: it is not to be found made already, by ourselves. */
static void make(struct worker *w, struct file *f)
{
    name_anew(w, f->name);
    f->number = open(f->name, O_RDWR | O_CREAT | O_EXCL, 0644);
    CHECK(f->number >= 0);
    f->named = true;
    f->locked = false;
    f->size = f->offset = 0;
}

static void check_is_named(const struct file *f, bool is)
{
    struct stat status;
    const int error = stat(f->name, &status);

    CHECK_EQUAL(error, is ? 0 : -1);
    if (!is)
        CHECK_EQUAL(errno, ENOENT);
    else
        CHECK_EQUAL(status.st_size, f->size);
}

static void rename_file(struct worker *w, struct file *f)
{
    char name[NAME];

    name_anew(w, name);
    CHECK_EQUAL(rename(f->name, name), 0);
    check_is_named(f, false);
    memcpy(f->name, name, NAME);
    check_is_named(f, true);
}

/* A second name, and the first goes. */
static void link_file(struct worker *w, struct file *f)
{
    char name[NAME];

    name_anew(w, name);
    CHECK_EQUAL(link(f->name, name), 0);
    CHECK_EQUAL(unlink(f->name), 0);
    check_is_named(f, false);
    memcpy(f->name, name, NAME);
    check_is_named(f, true);
}

static void remove_file(struct file *f)
{
    CHECK_EQUAL(unlink(f->name), 0);
    check_is_named(f, false);
    f->named = false; /* and lives on */
}

static void close_file(struct file *f)
{
    if (f->named)
        CHECK_EQUAL(unlink(f->name), 0);
    CHECK_EQUAL(close(f->number), 0);
    f->number = -1;
}

/* Another open of the same file has to know of the lock. */
static void lock_file(struct file *f)
{
    const int other = open(f->name, O_RDWR);

    CHECK(other >= 0);
    CHECK_EQUAL(flock(other, LOCK_EX | LOCK_NB), f->locked ? -1 : 0);
    if (!f->locked)
        CHECK_EQUAL(flock(other, LOCK_UN), 0); /* that it is closed is told later */
    CHECK_EQUAL(close(other), 0);
    f->locked = !f->locked;
    CHECK_EQUAL(flock(f->number, f->locked ? LOCK_EX | LOCK_NB : LOCK_UN), 0);
}

/* ---- content ---- */

static void write_some(struct worker *w, struct file *f)
{
    char bytes[200];
    const long size = (long)below(w, sizeof(bytes)) + 1;

    if (f->offset + size > CONTENT)
        return;
    for (long i = 0; i < size; i++)
        bytes[i] = (char)below(w, 256);
    CHECK_EQUAL(write(f->number, bytes, (size_t)size), size);
    if (f->offset > f->size)
        memset(f->content + f->size, 0, (size_t)(f->offset - f->size));
    memcpy(f->content + f->offset, bytes, (size_t)size);
    f->offset += size;
    if (f->size < f->offset)
        f->size = f->offset;
}

static void read_some(struct worker *w, struct file *f)
{
    char *bytes = w->bytes;
    const long size = (long)below(w, CONTENT) + 1;
    const long left = f->size > f->offset ? f->size - f->offset : 0,
               wanted = left < size ? left : size;

    CHECK_EQUAL(read(f->number, bytes, (size_t)size), wanted);
    CHECK(memcmp(bytes, f->content + f->offset, (size_t)wanted) == 0);
    f->offset += wanted;
}

static void seek(struct worker *w, struct file *f)
{
    const long to = (long)below(w, CONTENT);

    if (below(w, 2) == 0)
        CHECK_EQUAL(lseek(f->number, to - f->offset, SEEK_CUR), to);
    else
        CHECK_EQUAL(lseek(f->number, to, SEEK_SET), to);
    f->offset = to;
}

static void read_all(struct worker *w, const struct file *f)
{
    CHECK_EQUAL(pread(f->number, w->bytes, CONTENT, 0), f->size);
    CHECK(memcmp(w->bytes, f->content, (size_t)f->size) == 0);
}

static void append(struct worker *w)
{
    const struct record record = {w->index, w->appended};

    if (w->appended == RECORDS / THREADS)
        return;
    CHECK_EQUAL(write(shared, &record, sizeof(record)), sizeof(record));
    w->appended++;
}

/* ---- */

static void step(struct worker *w)
{
    struct file *f = &w->files[below(w, FILES)];

    w->operations++;
    if (f->number < 0) {
        make(w, f);
        return;
    }
    switch (below(w, 17)) {
    case 16:
        if (f->named)
            lock_file(f);
        break;
    case 0:
        if (f->named)
            rename_file(w, f);
        break;
    case 1:
        if (f->named)
            link_file(w, f);
        break;
    case 2:
        if (f->named)
            remove_file(f);
        break;
    case 3: close_file(f); break;
    case 4: read_all(w, f); break;
    case 5: append(w); break;
    case 6:
    case 7:
    case 8: seek(w, f); break;
    case 9:
    case 10:
    case 11:
    case 12: write_some(w, f); break;
    default: read_some(w, f); break;
    }
}

static void work(void *argument)
{
    struct worker *w = argument;
    uint64_t round = 0;

    for (unsigned i = 0; i < FILES; i++)
        w->files[i].number = -1;
    do
        for (unsigned i = 0; i < 50 && check_failures() == 0; i++)
            step(w);
    while (check_failures() == 0 && (program[0] ? goes_on() : ++round < rounds));
    while (check_failures() == 0 && w->appended < RECORDS / THREADS)
        append(w);
    for (unsigned i = 0; i < FILES && check_failures() == 0; i++)
        if (w->files[i].number >= 0) {
            read_all(w, &w->files[i]);
            close_file(&w->files[i]);
        }
}

/* Each record once, and each worker's in its order. */
static void check_records(void)
{
    static struct record all[RECORDS + 1];
    uint32_t next[THREADS] = {0};
    const long count = (long)(RECORDS / THREADS) * THREADS;

    CHECK_EQUAL(pread(shared, all, sizeof(all), 0), count * (long)sizeof(all[0]));
    for (long i = 0; i < count && check_failures() == 0; i++)
        if (CHECK(all[i].worker < THREADS))
            CHECK_EQUAL(all[i].number, next[all[i].worker]++);
}

int main(void)
{
    char service[64];
    mach_port_name_t root;
    unsigned long operations = 0;
    const mach_port_name_t bootstrap = program_start_info->bootstrap;

    rounds = number_argument("rounds=", 20);
    word_argument("while=", program, sizeof(program));
    if (!CHECK_EQUAL(service_look_up(bootstrap, word_argument("service=", service, sizeof(service)),
                                     &root),
                     KERN_SUCCESS) ||
        !CHECK_EQUAL(service_look_up(bootstrap, "supervisor", &supervisor), KERN_SUCCESS))
        return check_end("lasting-load");
    place_import(root, MSG_NULL, 0);
    shared = open("/shared", O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0644);
    CHECK(shared >= 0);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].index = i;
        workers[i].state = (number_argument("seed=", 1) + i) * UINT64_C(0x2545f4914f6cdd1d) | 1;
        CHECK_EQUAL(thread_start(&workers[i].thread, work, &workers[i], THREAD_PRIORITY_DEFAULT),
                    KERN_SUCCESS);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&workers[i].thread);
        operations += workers[i].operations;
    }
    check_records();
    CHECK_EQUAL(unlink("/shared"), 0);
    CHECK_EQUAL(close(shared), 0);
    print("lasting-load: %lu operations\n", operations);
    return check_end("lasting-load");
}
