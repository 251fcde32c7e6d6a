/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation: at every point where a thread can wait, before it waits and while it does, and between any two instructions; handlers and
 * destructors run in their order, and what the thread waited for is as if it had not.
 */
#include "pthread.h"
#include <libsys/kernel.h>
#include <semaphore.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static pthread_t joined;
static _Atomic int stage, handled;
static _Atomic bool stop;

/* ---- points ---- */

static void unlock(void *argument)
{
    CHECK(argument == &mutex);
    CHECK_EQUAL(pthread_mutex_trylock(&mutex), EBUSY); /* it came back before this was called */
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    handled++;
}

static void *wait_condition(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    pthread_cleanup_push(unlock, &mutex);
    stage = 1;
    for (;;)
        (void)pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *wait_condition_timed(void *unused)
{
    const struct timespec late = {.tv_sec = 1 << 30};

    (void)unused;
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    pthread_cleanup_push(unlock, &mutex);
    stage = 1;
    for (;;)
        (void)pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &late);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *wait_semaphore(void *unused)
{
    (void)unused;
    stage = 1;
    for (;;)
        (void)sem_wait(&semaphore);
    return NULL;
}

static void *wait_semaphore_timed(void *unused)
{
    const struct timespec late = {.tv_sec = 1 << 30};

    (void)unused;
    stage = 1;
    for (;;)
        (void)sem_clockwait(&semaphore, CLOCK_MONOTONIC, &late);
    return NULL;
}

static void *sleep_long(void *unused)
{
    const struct timespec late = {.tv_sec = 1 << 30};

    (void)unused;
    stage = 1;
    for (;;)
        (void)nanosleep(&late, NULL);
    return NULL;
}

static void *sleep_to(void *unused)
{
    const struct timespec late = {.tv_sec = 1 << 30};

    (void)unused;
    stage = 1;
    for (;;)
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &late, NULL);
    return NULL;
}

static void *join_other(void *unused)
{
    (void)unused;
    stage = 1;
    (void)pthread_join(joined, NULL);
    return NULL;
}

static void *test_often(void *unused)
{
    (void)unused;
    stage = 1;
    for (;;)
        pthread_testcancel();
    return NULL;
}

static void *wait_to_stop(void *unused)
{
    (void)unused;
    while (!stop)
        (void)nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
    return (void *)5;
}

static void cancel_at(void *(*function)(void *), int64_t pause)
{
    stage = 0;
    pthread_t thread = start(function, NULL);

    if (pause >= 0)
        wait_for(&stage, 1);
    if (pause > 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    CHECK(finish(thread) == PTHREAD_CANCELED);
}

static void test_points(void)
{
    static void *(*const functions[])(void *) = {wait_condition, wait_condition_timed,
                                                 wait_semaphore, wait_semaphore_timed,
                                                 sleep_long,     sleep_to,
                                                 join_other,     test_often};

    CHECK_EQUAL(sem_init(&semaphore, 0, 0), 0);
    handled = 0;
    stop = false;
    joined = start(wait_to_stop, NULL);
    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        cancel_at(functions[i], -1); /* before it runs, perhaps */
        for (int64_t pause = 0; pause < MILLISECOND; pause = 3 * pause + 1000)
            cancel_at(functions[i], pause);
    }
    stop = true;
    CHECK_EQUAL((intptr_t)finish(joined), 5); /* it could still be joined */
    CHECK_EQUAL(pthread_mutex_trylock(&mutex), 0);
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    int value = -1;
    CHECK_EQUAL(sem_getvalue(&semaphore, &value), 0);
    CHECK_EQUAL(value, 0);
    CHECK_EQUAL(sem_destroy(&semaphore), 0);
    CHECK_EQUAL(pthread_cond_destroy(&condition), 0);
    condition = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

/* ---- a unit of a semaphore is not lost with a thread that is cancelled ---- */

static void *take_one(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)sem_wait(&semaphore);
}

static void test_units(void)
{
    for (unsigned i = 0; i < 100; i++) {
        int value = -1;

        CHECK_EQUAL(sem_init(&semaphore, 0, 0), 0);
        pthread_t one = start(take_one, NULL), other = start(take_one, NULL);
        if (i % 2)
            (void)sched_yield();
        CHECK_EQUAL(sem_post(&semaphore), 0);
        CHECK_EQUAL(pthread_cancel(i % 4 < 2 ? one : other), 0);
        const bool first_lost = finish(i % 4 < 2 ? one : other) == PTHREAD_CANCELED;
        if (!first_lost)
            CHECK_EQUAL(sem_post(&semaphore), 0);
        CHECK_EQUAL((intptr_t)finish(i % 4 < 2 ? other : one), 0);
        CHECK_EQUAL(sem_getvalue(&semaphore, &value), 0);
        CHECK_EQUAL(value, 0);
        CHECK_EQUAL(sem_destroy(&semaphore), 0);
    }
}

/* ---- states, types, handlers ---- */

static void *not_now(void *unused)
{
    int before = -1;

    (void)unused;
    CHECK_EQUAL(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before), 0);
    CHECK_EQUAL(before, PTHREAD_CANCEL_ENABLE);
    CHECK_EQUAL(pthread_setcancelstate(17, NULL), EINVAL);
    CHECK_EQUAL(pthread_setcanceltype(17, NULL), EINVAL);
    stage = 1;
    wait_for(&stage, 2);
    pthread_testcancel();
    handled = 1;
    CHECK_EQUAL(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before), 0);
    CHECK_EQUAL(before, PTHREAD_CANCEL_DISABLE);
    handled = 2;
    pthread_testcancel();
    handled = 3;
    return NULL;
}

static void test_state(void)
{
    stage = handled = 0;
    pthread_t thread = start(not_now, NULL);
    wait_for(&stage, 1);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    stage = 2;
    CHECK(finish(thread) == PTHREAD_CANCELED);
    CHECK_EQUAL(handled, 2);
}

static _Atomic uint64_t counted;

static void *count(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
    stage = 1;
    for (;;)
        counted++;
    return NULL;
}

static void *sleep_asynchronous(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
    stage = 1;
    for (;;)
        (void)kernel_sleep_until(UINT64_MAX - 1);
    return NULL;
}

static void test_asynchronous(void)
{
    for (int64_t pause = 0; pause < 10; pause++) {
        cancel_at(count, pause * 50000);
        cancel_at(sleep_asynchronous, pause * 50000);
    }
}

static void digit(void *argument)
{
    handled = handled * 10 + (int)(intptr_t)argument;
}

static void *push_handlers(void *how)
{
    pthread_cleanup_push(digit, (void *)1);
    pthread_cleanup_push(digit, (void *)2);
    pthread_cleanup_push(digit, (void *)3);
    pthread_cleanup_pop(1);
    if (how != NULL)
        pthread_exit(how);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(1);
    return NULL;
}

static void test_handlers(void)
{
    handled = 0;
    CHECK(finish(start(push_handlers, NULL)) == NULL);
    CHECK_EQUAL(handled, 31);
    handled = 0;
    CHECK_EQUAL((intptr_t)finish(start(push_handlers, (void *)9)), 9);
    CHECK_EQUAL(handled, 321);
}

/* ---- once, cancelled in the midst ---- */

static pthread_once_t once;

static void never_done(void)
{
    stage = 1;
    (void)sleep_long(NULL);
}

static void done(void)
{
    handled++;
}

static void *do_once(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_once(&once, never_done), 0);
    return NULL;
}

static void test_once(void)
{
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
    handled = 0;
    cancel_at(do_once, 10000);
    CHECK_EQUAL(pthread_once(&once, done), 0);
    CHECK_EQUAL(pthread_once(&once, done), 0);
    CHECK_EQUAL(handled, 1);
}

int main(void)
{
    static void (*const parts[])(void) = {test_points,       test_units,    test_state,
                                          test_asynchronous, test_handlers, test_once};

    return pthread_test_main("pthread-cancel", parts, sizeof(parts) / sizeof(parts[0]));
}
