/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks, sleeping, timers, random bytes.
 */
#include "pthread.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>
#include <wharf/if/clock.h>

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * SECOND + time->tv_nsec;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec time = {0};

    CHECK_EQUAL(clock_gettime(clock, &time), 0);
    CHECK(time.tv_nsec >= 0 && time.tv_nsec < SECOND);
    return nanoseconds(&time);
}

static void test_clocks(void)
{
    struct timespec time;
    uint64_t wall = 0;

    CHECK_EQUAL(clock_gettime(17, &time), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(clock_getres(CLOCK_MONOTONIC, &time), 0);
    CHECK(nanoseconds(&time) > 0 && nanoseconds(&time) < 1000);
    CHECK_EQUAL(clock_getres(CLOCK_REALTIME, NULL), 0);
    const int64_t before = (int64_t)moment(), now = read_clock(CLOCK_MONOTONIC),
                  after = (int64_t)moment();
    CHECK(before <= now && now <= after);
    CHECK_EQUAL(clock_settime(CLOCK_MONOTONIC, &time), -1);
    CHECK_EQUAL(errno, EINVAL);

    /* What is set is seen at once, by the kernel too. */
    time = (struct timespec){.tv_sec = 1800000000, .tv_nsec = 500};
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &time), 0);
    CHECK(read_clock(CLOCK_REALTIME) >= nanoseconds(&time));
    CHECK(read_clock(CLOCK_REALTIME) < nanoseconds(&time) + (int64_t)100 * SECOND);
    CHECK_EQUAL(clock_wall(program_start_info->clock, &wall), KERN_SUCCESS);
    CHECK((int64_t)wall <= read_clock(CLOCK_REALTIME));
    struct timeval day;
    CHECK_EQUAL(gettimeofday(&day, NULL), 0);
    CHECK(day.tv_sec >= 1800000000);
    time.tv_nsec = SECOND;
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &time), -1);
    CHECK_EQUAL(errno, EINVAL);
}

/* ---- time on CPUs ---- */

static void compute(int64_t wanted)
{
    const int64_t end = read_clock(CLOCK_THREAD_CPUTIME_ID) + wanted;
    int64_t last = 0;

    for (int64_t now = last; now < end; now = read_clock(CLOCK_THREAD_CPUTIME_ID)) {
        CHECK(now >= last);
        last = now;
    }
}

static void *compute_some(void *unused)
{
    (void)unused;
    compute(5L * MILLISECOND);
    return NULL;
}

static _Atomic int stage;

static void *wait_there(void *unused)
{
    (void)unused;
    compute(2L * MILLISECOND);
    stage = 1;
    wait_for(&stage, 2);
    return NULL;
}

/* Who sleeps does not use the CPU. A CPU that is taken from QEMU meanwhile looks used; not each time. */
static bool sleep_is_free(void)
{
    const struct timespec nap = {.tv_nsec = 5L * MILLISECOND};

    for (unsigned i = 0; i < 100; i++) {
        const int64_t before = read_clock(CLOCK_THREAD_CPUTIME_ID);

        CHECK_EQUAL(nanosleep(&nap, NULL), 0);
        if (read_clock(CLOCK_THREAD_CPUTIME_ID) < before + 5L * MILLISECOND)
            return true;
    }
    return false;
}

static void test_cpu_clocks(void)
{
    clockid_t clock;
    struct tms used;
    const int64_t process = read_clock(CLOCK_PROCESS_CPUTIME_ID),
                  own = read_clock(CLOCK_THREAD_CPUTIME_ID);

    (void)finish(start(compute_some, NULL));
    CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) >=
          process + 5L * MILLISECOND); /* the thread is gone, its time is not */
    CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) > own);
    CHECK(sleep_is_free());

    stage = 0;
    pthread_t thread = start(wait_there, NULL);
    wait_for(&stage, 1);
    CHECK_EQUAL(pthread_getcpuclockid(thread, &clock), 0);
    CHECK(read_clock(clock) >= MILLISECOND);
    stage = 2;
    (void)finish(thread);
    struct timespec time;
    CHECK_EQUAL(clock_gettime(clock, &time), -1);
    CHECK_EQUAL(pthread_getcpuclockid(thread, &clock), ESRCH);
    CHECK_EQUAL(clock_getcpuclockid(0, &clock), 0);
    CHECK(read_clock(clock) > process);
    CHECK_EQUAL(clock_getcpuclockid(1 << 30, &clock), ESRCH);
    CHECK((int64_t)times(&used) >= 0);
    CHECK(used.tms_utime > 0);
}

/* ---- sleeping ---- */

/* The day may begin after the machine's start. */
static void test_early_day(void)
{
    const struct timespec dawn = {.tv_nsec = 0}, later = {.tv_sec = 1800000000};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &dawn), 0);
    CHECK(read_clock(CLOCK_REALTIME) < (int64_t)100 * SECOND);
    const uint64_t before = moment();
    const struct timespec soon = from_now(CLOCK_REALTIME, 2L * MILLISECOND);
    CHECK_EQUAL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &soon, NULL), 0);
    CHECK(moment() >= before + UINT64_C(2) * MILLISECOND);
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    const uint64_t again = moment();
    const struct timespec soon_again = from_now(CLOCK_REALTIME, 2L * MILLISECOND);
    CHECK_EQUAL(pthread_mutex_timedlock(&mutex, &soon_again), ETIMEDOUT);
    CHECK(moment() >= again + UINT64_C(2) * MILLISECOND);
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &later), 0);
}

static void test_sleep(void)
{
    struct timespec time = {.tv_nsec = SECOND}, left;

    CHECK_EQUAL(nanosleep(&time, &left), -1);
    CHECK_EQUAL(errno, EINVAL);
    time = (struct timespec){.tv_sec = -1};
    CHECK_EQUAL(nanosleep(&time, &left), -1);
    CHECK_EQUAL(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL), EINVAL);
    time = (struct timespec){.tv_nsec = 3L * MILLISECOND};
    CHECK_EQUAL(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, NULL), ENOTSUP);
    CHECK_EQUAL(clock_nanosleep(17, 0, &time, NULL), EINVAL);
    int64_t before = read_clock(CLOCK_MONOTONIC);
    CHECK_EQUAL(nanosleep(&time, &left), 0);
    CHECK(read_clock(CLOCK_MONOTONIC) >= before + 3L * MILLISECOND);
    before = read_clock(CLOCK_REALTIME);
    time = from_now(CLOCK_REALTIME, 3L * MILLISECOND);
    CHECK_EQUAL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL), 0);
    CHECK(read_clock(CLOCK_REALTIME) >= before + 3L * MILLISECOND);
    time.tv_sec = -5;
    CHECK_EQUAL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
}

/* ---- timers ---- */

static _Atomic int called;

static void call(union sigval value)
{
    CHECK_EQUAL(value.sival_int, 42);
    called++;
}

static void test_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD,
                             .sigev_value.sival_int = 42,
                             .sigev_notify_function = call};
    struct itimerspec value = {.it_value.tv_nsec = MILLISECOND}, told;
    timer_t timer, none;

    called = 0;
    CHECK_EQUAL(timer_create(17, &event, &timer), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQUAL(timer_gettime(timer, &told), 0);
    CHECK_EQUAL(nanoseconds(&told.it_value), 0);
    CHECK_EQUAL(timer_settime(timer, 0, &value, NULL), 0);
    wait_for(&called, 1);
    value.it_value.tv_nsec = SECOND;
    CHECK_EQUAL(timer_settime(timer, 0, &value, NULL), -1);
    CHECK_EQUAL(errno, EINVAL);
    value.it_value = from_now(CLOCK_MONOTONIC, MILLISECOND);
    value.it_interval.tv_nsec = 2L * MILLISECOND;
    CHECK_EQUAL(timer_settime(timer, TIMER_ABSTIME, &value, &told), 0);
    CHECK_EQUAL(nanoseconds(&told.it_value), 0);
    while (called < 6)
        (void)nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
    CHECK_EQUAL(timer_gettime(timer, &told), 0);
    CHECK(nanoseconds(&told.it_value) > 0 && nanoseconds(&told.it_value) <= 2L * MILLISECOND);
    CHECK_EQUAL(nanoseconds(&told.it_interval), 2 * MILLISECOND);
    CHECK(timer_getoverrun(timer) >= 0);
    CHECK_EQUAL(timer_delete(timer), 0);
    CHECK_EQUAL(timer_delete(timer), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(timer_settime(timer, 0, &value, NULL), -1);

    /* One of the day goes by the day, also when that is set meanwhile. */
    const int seen = called;
    CHECK_EQUAL(timer_create(CLOCK_REALTIME, &event, &timer), 0);
    value.it_value = from_now(CLOCK_REALTIME, (int64_t)1000 * SECOND);
    value.it_interval.tv_nsec = 0;
    CHECK_EQUAL(timer_settime(timer, TIMER_ABSTIME, &value, NULL), 0);
    struct timespec later = from_now(CLOCK_REALTIME, (int64_t)1001 * SECOND);
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &later), 0);
    while (called == seen)
        (void)nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
    event.sigev_notify = SIGEV_NONE;
    CHECK_EQUAL(timer_create(CLOCK_REALTIME, &event, &none), 0);
    value.it_value = (struct timespec){.tv_sec = 10000}; /* some pass while the host is busy */
    CHECK_EQUAL(timer_settime(none, 0, &value, NULL), 0);
    CHECK_EQUAL(timer_gettime(none, &told), 0);
    CHECK(told.it_value.tv_sec >= 9000);
    CHECK_EQUAL(timer_delete(none), 0);
    CHECK_EQUAL(timer_delete(timer), 0);
}

static void test_many_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    static timer_t timers[300];
    unsigned made = 0;

    while (made < 300 && timer_create(CLOCK_MONOTONIC, &event, &timers[made]) == 0)
        made++;
    CHECK_EQUAL(made, sysconf(_SC_TIMER_MAX));
    CHECK_EQUAL(errno, EAGAIN);
    while (made > 0)
        CHECK_EQUAL(timer_delete(timers[--made]), 0);
}

static void test_random(void)
{
    unsigned char bytes[2][600];

    CHECK_EQUAL(getentropy(bytes[0], 257), -1);
    CHECK_EQUAL(errno, EIO);
    CHECK_EQUAL(getrandom(bytes[0], sizeof(bytes[0]), 0), sizeof(bytes[0]));
    CHECK_EQUAL(getrandom(bytes[1], sizeof(bytes[1]), GRND_NONBLOCK), sizeof(bytes[1]));
    CHECK(memcmp(bytes[0], bytes[1], sizeof(bytes[0])) != 0);
    CHECK_EQUAL(getrandom(bytes[0], 1, 1 << 20), -1);
    CHECK_EQUAL(errno, EINVAL);
}

int main(void)
{
    static void (*const parts[])(void) = {test_clocks, test_cpu_clocks,  test_early_day, test_sleep,
                                          test_timers, test_many_timers, test_random};

    return pthread_test_main("pthread-clocks", parts, sizeof(parts) / sizeof(parts[0]));
}
