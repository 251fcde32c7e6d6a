/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of POSIX: threads and clocks. Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/print.h>
#include <pthread.h>
#include <time.h>

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

static void *nothing(void *argument)
{
    return argument;
}

[[gnu::noinline]] static int create_join(void)
{
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, nothing, NULL);
    return error != 0 ? error : pthread_join(thread, NULL);
}

static uint64_t pthread_create_join(uint64_t n)
{
    ROW_LOOP(n, create_join());
}

static uint64_t clock_gettime_row(uint64_t n)
{
    struct timespec time;
    ROW_LOOP(n, clock_gettime(CLOCK_REALTIME, &time));
}

static uint64_t mutex_lock_unlock(uint64_t n)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    ROW_LOOP(n, pthread_mutex_lock(&mutex) | pthread_mutex_unlock(&mutex));
}

static const struct row rows[] = {
    {"pthread_create_join", pthread_create_join, NULL},
    {"clock_gettime", clock_gettime_row, NULL},
    {"pthread_mutex_lock_unlock", mutex_lock_unlock, NULL},
};

int main(int argc, char **argv)
{
    rows_run(rows, sizeof(rows) / sizeof(rows[0]), empty(REPEATS), argc, argv);
    print("bench: done\n");
    return 0;
}
