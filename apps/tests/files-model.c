/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder of any file server, and a model of it in memory: random calls, of which each has to end as the model says; all of it is compared again and again. Servers and
 * drivers may be killed meanwhile: no call may fail for that.
 *
 * Arguments: folder=PATH (made if it is not there), seed=1, operations=2000 of each of workers=1, format=full or fat, size=4194304 (bytes that the files of a worker
 * have together), unlinked=yes or no (whether what is open may lose its last name), while=PROGRAM: that many operations again and again, until the program has ended.
 * keep: nothing is removed at the end, and a manifest is printed.
 */
#include "files-model.h"
#include "arguments.h"
#include "supervised.h"
#include <fcntl.h>
#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <wharf/if/service.h>

enum {
    WORKERS_MAX = 8,
    COMPARE_EACH = 400, /* operations */
    SLACK = 64 * 1024,  /* bytes that a server's tables may have grown by */
    TRIES = 500, /* until room is there again: what is gone may be given back a little later */
    PAUSE = 20 * 1000, /* microseconds */
};

/* A clock that tells an earlier time, 2001, was not set. */
#define CLOCK_IS_SET 1000000000

static const struct {
    unsigned weight;
    operation *operation;
} operations[] = {
    {12, do_open},
    {7, do_close},
    {10, do_read},
    {14, do_write},
    {10, do_read_at},
    {14, do_write_at},
    {2, do_append},
    {2, do_copy},
    {4, do_seek},
    {5, do_resize_open},
    {3, do_resize_path},
    {2, do_sync},
    {3, do_open_status},
    {6, do_map},
    {3, do_unmap},
    {8, do_read_mapped},
    {8, do_write_mapped},
    {2, do_write_behind},
    {2, do_sync_mapped},
    {3, do_map_private},
    {3, do_read_into_mapped},
    {3, do_write_from_mapped},
    {5, do_make_folder},
    {5, do_unlink},
    {3, do_remove_folder},
    {8, do_rename},
    {4, do_link},
    {3, do_symbolic_link},
    {2, do_read_link},
    {6, do_status},
    {3, do_set_times},
    {2, do_set_mode},
    {3, do_list},
};

static struct worker workers[WORKERS_MAX];
static uint64_t wanted;
static char until[64];
static mach_port_name_t supervisor;
static bool keeps;

static void one_operation(struct worker *w)
{
    unsigned total = 0;

    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        total += operations[i].weight;
    unsigned dice = (unsigned)random_below(w, total), i = 0;

    while (dice >= operations[i].weight)
        dice -= operations[i++].weight;
    w->operations++;
    operations[i].operation(w);
    if (!w->failed && w->operations % COMPARE_EACH == 0)
        compare_all(w);
}

static bool goes_on(const struct worker *w)
{
    return !w->failed && until[0] && supervised_goes_on(supervisor, until);
}

static void *work(void *argument)
{
    struct worker *w = argument;

    do
        for (uint64_t i = 0; i < wanted && !w->failed; i++)
            one_operation(w);
    while (goes_on(w));
    if (!w->failed)
        compare_all(w);
    if (!w->failed && keeps) {
        close_all(w);
        compare_all(w);
    } else if (!w->failed) {
        remove_all(w);
    }
    return NULL;
}

static bool begin_worker(struct worker *w, unsigned number, uint64_t seed, const char *folder,
                         const struct rules *rules)
{
    w->number = number;
    w->seed = seed;
    w->state = (seed * UINT64_C(0x2545f4914f6cdd1d) + number * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    w->rules = *rules;
    w->clock_is_set = time(NULL) > CLOCK_IS_SET;
    w->most = number_argument("size=", UINT64_C(4) * 1024 * 1024);
    for (int i = 0; i < NAMES_MAX; i++)
        w->names[i].folder = NONE;
    for (int i = 0; i < OPENS_MAX; i++)
        w->opens[i].number = NONE;
    w->nodes[ROOT] = (struct node){.kind = FOLDER, .mode = 0755};
    (void)snprintf(w->base, sizeof(w->base), "%s/%u", folder, number);
    if (!CHECK_EQUAL(mkdir(w->base, 0755), 0))
        return false;
    w->root = open(w->base, O_RDONLY | O_DIRECTORY);
    return CHECK(w->root >= 0);
}

static void end_worker(struct worker *w)
{
    CHECK_EQUAL(close(w->root), 0);
    if (keeps)
        print_manifest(w);
    else if (!w->failed)
        CHECK_EQUAL(rmdir(w->base), 0);
}

static void do_work(const char *folder, unsigned count, const struct rules *rules)
{
    const uint64_t seed = number_argument("seed=", 1);
    pthread_t threads[WORKERS_MAX];
    unsigned begun = 0;

    while (begun < count && begin_worker(&workers[begun], begun, seed, folder, rules))
        begun++;
    for (unsigned i = 1; i < begun; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    if (begun > 0)
        (void)work(&workers[0]);
    for (unsigned i = 1; i < begun; i++)
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < begun; i++)
        end_worker(&workers[i]);
}

static uint64_t free_bytes(const char *folder)
{
    struct statvfs system;

    return CHECK_EQUAL(statvfs(folder, &system), 0) ? (uint64_t)system.f_bfree * system.f_frsize
                                                    : 0;
}

/* All that was taken is there again. */
static void check_room(const char *folder, uint64_t before)
{
    uint64_t after = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        after = free_bytes(folder);
        if (after + SLACK >= before)
            return;
        sync();
        (void)usleep(PAUSE);
    }
    print("files-model: %lu bytes were free, and %lu are\n", (unsigned long)before,
          (unsigned long)after);
    CHECK(!"what was removed is free again");
}

static void tell(unsigned count, uint64_t seed)
{
    uint64_t operations_done = 0, calls = 0, bytes = 0, compared = 0;

    for (unsigned i = 0; i < count; i++) {
        operations_done += workers[i].operations;
        calls += workers[i].calls;
        bytes += workers[i].bytes;
        compared += workers[i].compared;
    }
    print("files-model: seed %lu: %lu operations, %lu calls, %lu MiB, %lu times all\n",
          (unsigned long)seed, (unsigned long)operations_done, (unsigned long)calls,
          (unsigned long)(bytes >> 20), (unsigned long)compared);
}

int main(void)
{
    char word[64], folder[64];
    unsigned count = (unsigned)number_argument("workers=", 1);
    const bool fat = strcmp(word_argument("format=", word, sizeof(word)), "fat") == 0;
    const bool unlinked = strcmp(word_argument("unlinked=", word, sizeof(word)), "no") != 0;
    const struct rules rules = {!fat, !fat, unlinked, !fat};

    keeps = strstr(program_start_info->arguments, "keep") != NULL;
    wanted = number_argument("operations=", 2000);
    (void)word_argument("while=", until, sizeof(until));
    (void)word_argument("folder=", folder, sizeof(folder));
    if (until[0])
        CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                    KERN_SUCCESS);
    if (count < 1 || count > WORKERS_MAX)
        count = WORKERS_MAX;
    (void)umask(0);
    if (mkdir(folder, 0755) != 0)
        CHECK_EQUAL(errno, EEXIST);
    const uint64_t before = free_bytes(folder);

    do_work(folder, count, &rules);
    if (!keeps && check_failures() == 0)
        check_room(folder, before);
    sync();
    tell(count, number_argument("seed=", 1));
    return check_end("files-model");
}
