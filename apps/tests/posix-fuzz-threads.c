/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random calls of timers, threads, locks and semaphores: a part of posix-fuzz-process.
 */
#include "posix-fuzz-process.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MILLISECOND = 1000000, THREADS = 4 };

static struct timespec a_time(void)
{
    switch (below(6)) {
    case 0: return (struct timespec){(time_t)next(), (long)next()};
    case 1: return (struct timespec){-1, 999999999};
    case 2: return (struct timespec){0, 1000000000};
    default: return (struct timespec){0, (long)below(300000)};
    }
}

/* One that does not keep it waiting. */
static struct timespec a_short_time(void)
{
    const struct timespec t = a_time();

    return t.tv_sec > 0 ? (struct timespec){0, -1} : t;
}

/* ---- time ---- */

void call_time(void)
{
    static timer_t timers[4];
    const struct timespec value = a_short_time(), interval = a_time();
    const struct itimerspec setting = {interval, value};
    const struct itimerval real = {{interval.tv_sec, interval.tv_nsec}, {0, (suseconds_t)next()}};
    struct sigevent event = {.sigev_notify = (int)below(5) - 1, .sigev_signo = a_signal()};
    timer_t *timer = &timers[below(4)];
    struct timespec now;

    switch (below(8)) {
    case 0: (void)alarm((unsigned)below(2)); break;
    case 1: (void)setitimer((int)below(4), &real, NULL); break;
    case 2: (void)timer_create((clockid_t)below(8), below(3) == 0 ? NULL : &event, timer); break;
    case 3: (void)timer_settime(*timer, (int)below(3), &setting, NULL); break;
    case 4: (void)timer_delete(below(4) == 0 ? (timer_t)next() : *timer); break;
    case 5: (void)nanosleep(&value, &now); break;
    case 6: (void)clock_nanosleep((clockid_t)below(8), 0, &value, NULL); break;
    default: (void)clock_gettime((clockid_t)next(), &now); break;
    }
}

/* ---- threads ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;

static void *thread_main(void *argument)
{
    struct timespec until = {0, 1};

    if ((uintptr_t)argument & 1)
        (void)pthread_setcancelstate((int)((uintptr_t)argument >> 1), NULL);
    (void)pthread_mutex_timedlock(&mutex, &until);
    (void)sem_trywait(&semaphore);
    for (unsigned i = 0; i < 3; i++)
        (void)kernel_sleep_until(kernel_clock_now() + MILLISECOND / 4);
    pthread_testcancel();
    return argument;
}

void call_thread(void)
{
    static pthread_t thread[THREADS];
    static bool made[THREADS];
    const unsigned i = (unsigned)below(THREADS);
    pthread_attr_t attributes;

    if (!made[i]) {
        CHECK_EQUAL(pthread_attr_init(&attributes), 0);
        if (below(4) == 0)
            (void)pthread_attr_setstacksize(&attributes, below(3) == 0 ? next() : below(100000));
        (void)pthread_attr_setdetachstate(&attributes,
                                          below(16) == 0 ? (int)next() : PTHREAD_CREATE_JOINABLE);
        made[i] =
            pthread_create(&thread[i], &attributes, thread_main, (void *)(uintptr_t)below(9)) == 0;
        (void)pthread_attr_destroy(&attributes);
        return;
    }
    switch (below(4)) {
    case 0: (void)pthread_cancel(thread[i]); break;
    case 1: (void)pthread_kill(thread[i], a_mild_signal()); break;
    case 2: made[i] = pthread_detach(thread[i]) != 0; break;
    default: made[i] = pthread_join(thread[i], NULL) != 0; break;
    }
}

void call_lock(void)
{
    struct timespec until = a_short_time();
    int value;

    switch (below(14)) {
    case 0: (void)pthread_mutex_trylock(&mutex); break;
    case 1: (void)pthread_mutex_timedlock(&mutex, &until); break;
    case 2: (void)pthread_mutex_unlock(&mutex); break;
    case 3: (void)pthread_rwlock_tryrdlock(&rwlock); break;
    case 4: (void)pthread_rwlock_trywrlock(&rwlock); break;
    case 5: (void)pthread_rwlock_unlock(&rwlock); break;
    case 6: (void)pthread_cond_signal(&condition); break;
    case 7:
        if (pthread_mutex_trylock(&mutex) == 0) {
            (void)pthread_cond_timedwait(&condition, &mutex, &until);
            (void)pthread_mutex_unlock(&mutex);
        }
        break;
    case 8: (void)sem_post(&semaphore); break;
    case 9: (void)sem_timedwait(&semaphore, &until); break;
    case 10: (void)sem_getvalue(&semaphore, &value); break;
    case 11: (void)pthread_setspecific((pthread_key_t)next(), &value); break;
    case 12: (void)pthread_key_delete((pthread_key_t)next()); break;
    default: (void)pthread_setcanceltype((int)next(), &value); break;
    }
}

void begin_threads(void)
{
    CHECK_EQUAL(sem_init(&semaphore, 0, 1), 0);
}
