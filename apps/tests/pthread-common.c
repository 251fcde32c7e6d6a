/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pthread.h.
 */
#include "others.h"
#include "pthread.h"
#include <libsys/kernel.h>

enum { WARM_THREADS = 128 }; /* more than any test has at a time */

pthread_t start(void *(*function)(void *), void *argument)
{
    pthread_t thread = 0;

    CHECK_EQUAL(pthread_create(&thread, NULL, function, argument), 0);
    return thread;
}

void *finish(pthread_t thread)
{
    void *result = NULL;

    CHECK_EQUAL(pthread_join(thread, &result), 0);
    return result;
}

void make_mutex(pthread_mutex_t *mutex, int type, int protocol, int robust)
{
    pthread_mutexattr_t attributes;

    CHECK_EQUAL(pthread_mutexattr_init(&attributes), 0);
    CHECK_EQUAL(pthread_mutexattr_settype(&attributes, type), 0);
    CHECK_EQUAL(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
    CHECK_EQUAL(pthread_mutexattr_setprioceiling(&attributes, 9), 0);
    CHECK_EQUAL(pthread_mutexattr_setrobust(&attributes, robust), 0);
    CHECK_EQUAL(pthread_mutex_init(mutex, &attributes), 0);
    CHECK_EQUAL(pthread_mutexattr_destroy(&attributes), 0);
}

struct timespec from_now(clockid_t clock, int64_t nanoseconds)
{
    struct timespec time;

    CHECK_EQUAL(clock_gettime(clock, &time), 0);
    const int64_t sum = time.tv_nsec + nanoseconds;
    time.tv_sec += sum / SECOND - (sum % SECOND < 0);
    time.tv_nsec = (sum % SECOND + SECOND) % SECOND;
    return time;
}

uint64_t moment(void)
{
    return kernel_clock_now();
}

void wait_for(_Atomic int *word, int value)
{
    const struct timespec nap = {.tv_nsec = MILLISECOND / 10};

    while (*word != value)
        (void)nanosleep(&nap, NULL);
}

static void *nothing(void *argument)
{
    return argument;
}

/* So many stacks at a time that the cache is full afterwards. */
static void fill_cache(void)
{
    pthread_t threads[WARM_THREADS];

    for (unsigned i = 0; i < WARM_THREADS; i++)
        threads[i] = start(nothing, NULL);
    for (unsigned i = 0; i < WARM_THREADS; i++)
        (void)finish(threads[i]);
}

int pthread_test_main(const char *name, void (*const *parts)(void), unsigned count)
{
    uint64_t before = 0;

    for (unsigned run = 0; run < 2; run++) {
        fill_cache();
        before = settled_objects(NULL);
        for (unsigned i = 0; i < count; i++)
            parts[i]();
    }
    fill_cache();
    CHECK_EQUAL(settled_objects(NULL), before);
    return check_end(name);
}
