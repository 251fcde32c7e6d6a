/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library on libsys: what a program written for any system expects of it, from constructors
 * to the status of its end. The scenario checks what is printed after main has returned.
 */
#include "clib.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STATUS = 42, ENTROPY = 48 };

static int constructed;

[[gnu::constructor(102)]] static void construct_second(void)
{
    constructed = constructed * 10 + 2;
}

[[gnu::constructor(101)]] static void construct_first(void)
{
    constructed = constructed * 10 + 1;
}

[[gnu::constructor]] static void construct_last(void)
{
    constructed = constructed * 10 + 3;
}

[[gnu::destructor(101)]] static void destroy_last(void)
{
    puts("clib: destructor, last");
}

[[gnu::destructor]] static void destroy_first(void)
{
    puts("clib: destructor, first");
}

static void at_exit_first(void)
{
    puts("clib: atexit, registered first");
}

static void at_exit_last(void)
{
    puts("clib: atexit, registered last");
}

static int order(const void *a, const void *b)
{
    const int *x = a;
    const int *y = b;

    return (*x > *y) - (*x < *y);
}

static void check_sorting(void)
{
    int numbers[200];
    const int wanted = 150;

    srand(1);
    for (int i = 0; i < 200; i++)
        numbers[i] = i * 73 % 200;
    qsort(numbers, 200, sizeof(*numbers), order);
    for (int i = 0; i < 200; i++)
        CHECK_EQUAL(numbers[i], i);
    CHECK(bsearch(&wanted, numbers, 200, sizeof(*numbers), order) == &numbers[wanted]);
    CHECK(rand() != rand());
}

static jmp_buf back;

[[gnu::noreturn]] static void leave(int value)
{
    longjmp(back, value);
}

static void check_jumps(void)
{
    volatile int times = 0;
    volatile double kept = 0.5;

    switch (setjmp(back)) {
    case 0:
        times = 1;
        kept = 1.5;
        leave(7);
    case 7: times = 2; break;
    default: CHECK(false);
    }
    CHECK_EQUAL(times, 2);
    CHECK(kept == 1.5);
}

static void check_environment(void)
{
    CHECK(getenv("HOME") == NULL);
    CHECK_EQUAL(setenv("HOME", "/root", 0), 0);
    CHECK_EQUAL(setenv("HOME", "/nowhere", 0), 0);
    const char *home = getenv("HOME");

    CHECK(home != NULL && strcmp(home, "/root") == 0);
    CHECK_EQUAL(unsetenv("HOME"), 0);
    CHECK(getenv("HOME") == NULL);
}

static void check_time(void)
{
    struct timespec before, after;
    const struct timespec nap = {0, 2000000};
    time_t seconds = 86400L * 365;
    struct tm broken;
    char text[32];
    uint64_t kernel = kernel_clock_now();

    CHECK_EQUAL(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    CHECK((uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec + 1000 >= kernel);
    CHECK_EQUAL(nanosleep(&nap, NULL), 0);
    CHECK_EQUAL(clock_gettime(CLOCK_REALTIME, &after), 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 2000000);
    CHECK_EQUAL(clock_gettime((clockid_t)99, &after), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK(time(NULL) >= before.tv_sec && time(NULL) < seconds);
    CHECK(gmtime_r(&seconds, &broken) != NULL);
    CHECK(strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &broken) == 16);
    CHECK(strcmp(text, "1971-01-01 00:00") == 0);
}

static void check_system(void)
{
    unsigned char a[ENTROPY], b[ENTROPY];

    FILE *stream = fopen("/etc/passwd", "r");

    CHECK(stream == NULL);
    CHECK_EQUAL(errno, ENOENT);
    CHECK_EQUAL(write(7, a, 1), -1);
    CHECK_EQUAL(errno, EBADF);
    CHECK_EQUAL(isatty(STDOUT_FILENO), 1);
    CHECK_EQUAL(getchar(), EOF);
    CHECK_EQUAL(getpid(), 1);
    CHECK_EQUAL(getentropy(a, sizeof(a)), 0);
    CHECK_EQUAL(getentropy(b, sizeof(b)), 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK_EQUAL(getentropy(a, 257), -1);
}

/** Text that is still in a stream's buffer when the program ends. */
static void leave_text(void)
{
    FILE *stream = fdopen(STDOUT_FILENO, "w");

    if (!CHECK(stream != NULL))
        return;
    CHECK_EQUAL(setvbuf(stream, NULL, _IOFBF, 256), 0);
    CHECK(fputs("clib: text from a buffer\n", stream) >= 0);
}

int main(void)
{
    CHECK_EQUAL(constructed, 123);
    CHECK_EQUAL(atexit(at_exit_first), 0);
    CHECK_EQUAL(atexit(at_exit_last), 0);
    check_formats();
    check_numbers();
    check_strings();
    check_encodings();
    check_random();
    check_answers();
    check_sorting();
    check_jumps();
    check_environment();
    check_time();
    check_system();
    check_threads();
    check_reclaim();
    leave_text();
    return check_end("clib") == 0 ? STATUS : 1;
}
