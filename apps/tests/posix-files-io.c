/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors, reading and writing, pipes.
 */
#include "posix-files.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- descriptors ---- */

static void check_copies(int file)
{
    const int copy = dup(file);

    CHECK(copy > file);
    /* One open file: one offset. */
    CHECK_EQUAL(lseek(file, 3, SEEK_SET), 3);
    CHECK_EQUAL(lseek(copy, 0, SEEK_CUR), 3);
    CHECK_EQUAL(dup2(file, 100), 100);
    CHECK_EQUAL(dup2(100, 100), 100);
    CHECK_EQUAL(fcntl(100, F_GETFD), 0);
    CHECK_EQUAL(fcntl(100, F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQUAL(fcntl(100, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(fcntl(file, F_GETFD), 0);
    const int high = fcntl(100, F_DUPFD, 200);

    CHECK_EQUAL(high, 200);
    CHECK_EQUAL(fcntl(high, F_GETFD), 0);
    const int cloexec = fcntl(100, F_DUPFD_CLOEXEC, 200);

    CHECK_EQUAL(cloexec, 201);
    CHECK_EQUAL(fcntl(cloexec, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(close(copy), 0);
    CHECK_EQUAL(close(100), 0);
    CHECK_EQUAL(close(high), 0);
    CHECK_EQUAL(close(cloexec), 0);
    CHECK_FAILS(close(high), EBADF);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 3);
}

static void check_bad_numbers(void)
{
    static const int numbers[] = {-1, INT_MIN, INT_MAX, 900, 5000};
    char byte;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CHECK_FAILS(read(numbers[i], &byte, 1), EBADF);
        CHECK_FAILS(write(numbers[i], &byte, 1), EBADF);
        CHECK_FAILS(close(numbers[i]), EBADF);
        CHECK_FAILS(dup(numbers[i]), EBADF);
        CHECK_FAILS(lseek(numbers[i], 0, SEEK_SET), EBADF);
        CHECK_FAILS(fcntl(numbers[i], F_GETFL), EBADF);
        CHECK_FAILS(fsync(numbers[i]), EBADF);
        CHECK_FAILS(ftruncate(numbers[i], 0), EBADF);
        CHECK_FAILS(fchdir(numbers[i]), EBADF);
    }
    CHECK_FAILS(dup2(0, -1), EBADF);
    CHECK_FAILS(dup2(0, OPEN_MAX), EBADF);
    CHECK_FAILS(fcntl(0, F_DUPFD, -1), EINVAL);
    CHECK_FAILS(fcntl(0, F_DUPFD, OPEN_MAX), EINVAL);
}

/* As many as there may be, and one more. */
static void check_many(void)
{
    static int files[OPEN_MAX];
    int count = 0;

    for (; count < OPEN_MAX; count++) {
        files[count] = open("many", O_RDONLY);
        if (files[count] < 0)
            break;
        CHECK(count == 0 || files[count] > files[count - 1]);
    }
    CHECK_EQUAL(errno, EMFILE);
    CHECK_EQUAL(files[count - 1], OPEN_MAX - 1);
    CHECK_FAILS(dup(0), EMFILE);
    /* A hole is what is given next. */
    CHECK_EQUAL(close(files[count / 2]), 0);
    CHECK_EQUAL(open("many", O_RDONLY), files[count / 2]);
    while (count > 0)
        CHECK_EQUAL(close(files[--count]), 0);
}

void check_descriptors(void)
{
    test_make("many", "many");
    const int file = open("many", O_RDWR);

    CHECK(file >= 3);
    check_copies(file);
    CHECK_EQUAL(fcntl(file, F_GETFL), O_RDWR);
    CHECK_EQUAL(fcntl(file, F_SETFL, O_APPEND), 0);
    CHECK_EQUAL(fcntl(file, F_GETFL), O_RDWR | O_APPEND);
    CHECK_FAILS(fcntl(file, 9999), EINVAL);
    CHECK_EQUAL(close(file), 0);
    check_bad_numbers();
    check_many();
    CHECK_EQUAL(unlink("many"), 0);
}

/* ---- reading and writing ---- */

static void check_access(void)
{
    char byte = 'x';
    int file = open("data", O_RDONLY);

    CHECK_FAILS(write(file, &byte, 1), EBADF);
    CHECK_EQUAL(close(file), 0);
    file = open("data", O_WRONLY);
    CHECK_FAILS(read(file, &byte, 1), EBADF);
    CHECK_EQUAL(close(file), 0);
    CHECK_FAILS(open("data", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_FAILS(open("data", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_FAILS(open("nothing", O_RDONLY), ENOENT);
    CHECK_FAILS(open("data/below", O_RDONLY), ENOTDIR);
    CHECK_FAILS(open("", O_RDONLY), ENOENT);
    CHECK_FAILS(open(".", O_RDWR), EISDIR);
}

static void check_offsets(void)
{
    char bytes[16] = "";
    const int file = open("data", O_RDWR);

    CHECK_EQUAL(read(file, bytes, 5), 5);
    CHECK(memcmp(bytes, "hello", 5) == 0);
    CHECK_EQUAL(lseek(file, -5, SEEK_END), 6);
    CHECK_EQUAL(read(file, bytes, sizeof(bytes)), 5);
    CHECK(memcmp(bytes, "world", 5) == 0);
    CHECK_EQUAL(read(file, bytes, sizeof(bytes)), 0);
    CHECK_FAILS(lseek(file, -1, SEEK_SET), EINVAL);
    CHECK_FAILS(lseek(file, 0, 17), EINVAL);
    CHECK_EQUAL(pread(file, bytes, 5, 6), 5);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 11);
    CHECK_FAILS(pread(file, bytes, 5, -1), EINVAL);
    CHECK_EQUAL(pwrite(file, "W", 1, 6), 1);
    CHECK_EQUAL(pread(file, bytes, 5, 6), 5);
    CHECK(memcmp(bytes, "World", 5) == 0);
    CHECK_EQUAL(read(file, bytes, 0), 0);
    /* Behind the end: a hole of zeros. */
    CHECK_EQUAL(pwrite(file, "!", 1, 99999), 1);
    CHECK_EQUAL(pread(file, bytes, 2, 99998), 2);
    CHECK(bytes[0] == 0 && bytes[1] == '!');
    CHECK_EQUAL(ftruncate(file, 11), 0);
    CHECK_EQUAL(lseek(file, 0, SEEK_END), 11);
    CHECK_FAILS(ftruncate(file, -1), EINVAL);
    CHECK_EQUAL(close(file), 0);
}

static void check_append(void)
{
    char bytes[32];
    const int file = open("data", O_RDWR | O_APPEND);

    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    CHECK_EQUAL(write(file, "", 0), 0);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 0);
    CHECK_EQUAL(write(file, "+", 1), 1);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 12);
    CHECK_EQUAL(pread(file, bytes, sizeof(bytes), 0), 12);
    CHECK(memcmp(bytes, "hello World+", 12) == 0);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(truncate("data", 11), 0);
}

static void check_pieces(void)
{
    char a[3], b[20], c[5];
    struct iovec pieces[] = {{a, sizeof(a)}, {NULL, 0}, {b, sizeof(b)}};
    struct iovec out[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    const int file = open("pieces", O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK_EQUAL(writev(file, out, 3), 13);
    CHECK_EQUAL(preadv(file, pieces, 3, 0), 13);
    CHECK(memcmp(a, "one", 3) == 0 && memcmp(b, " two three", 10) == 0);
    CHECK_FAILS(writev(file, out, 0), EINVAL);
    CHECK_FAILS(writev(file, out, -1), EINVAL);
    CHECK_FAILS(writev(file, out, IOV_MAX + 1), EINVAL);
    out[1].iov_len = SSIZE_MAX;
    CHECK_FAILS(writev(file, out, 3), EINVAL);
    CHECK_EQUAL(pread(file, c, sizeof(c), 8), 5);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(unlink("pieces"), 0);
}

void check_reading(void)
{
    test_make("data", "hello world");
    check_access();
    check_offsets();
    check_append();
    check_pieces();
    CHECK_EQUAL(unlink("data"), 0);
}

/* Several MiB at once, whose pieces go out of line, and again in small ones. */
void check_big(void)
{
    enum { SIZE = 3 * 1024 * 1024 + 12345, STEP = 4093 };
    unsigned char *bytes = malloc(SIZE), *again = malloc(SIZE);
    const int file = open("big", O_RDWR | O_CREAT, 0600);

    if (!CHECK(bytes != NULL && again != NULL && file >= 0)) {
        free(bytes);
        free(again);
        return;
    }
    for (unsigned i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 24);
    CHECK_EQUAL(write(file, bytes, SIZE), SIZE);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), SIZE);
    CHECK_EQUAL(pread(file, again, SIZE, 0), SIZE);
    CHECK(memcmp(bytes, again, SIZE) == 0);
    memset(again, 0, SIZE);
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    for (unsigned at = 0; at < SIZE; at += STEP) {
        const unsigned n = at + STEP < SIZE ? STEP : SIZE - at;

        if (!CHECK_EQUAL(read(file, again + at, STEP), n))
            break;
    }
    CHECK(memcmp(bytes, again, SIZE) == 0);
    CHECK_EQUAL(pread(file, again, SIZE, SIZE - 100), 100);
    CHECK_FAILS(write(file, bytes, (size_t)SSIZE_MAX + 1), EINVAL);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(unlink("big"), 0);
    free(bytes);
    free(again);
}

/* ---- pipes ---- */

struct writer {
    int file;
    size_t size;
    ssize_t written;
};

static void write_all(void *argument)
{
    struct writer *w = argument;
    char *bytes = malloc(w->size);

    for (size_t i = 0; i < w->size; i++)
        bytes[i] = (char)(i % 251);
    w->written = write(w->file, bytes, w->size);
    free(bytes);
    close(w->file);
}

/* More than a pipe holds: writer and reader wait for each other. */
static void check_long_pipe(void)
{
    struct thread thread;
    struct writer w = {.size = 300001};
    char bytes[1000];
    size_t got = 0;
    bool right = true;
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    w.file = ends[1];
    CHECK_EQUAL(thread_start(&thread, write_all, &w, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    for (ssize_t n; (n = read(ends[0], bytes, sizeof(bytes))) > 0; got += (size_t)n)
        for (ssize_t i = 0; i < n; i++)
            right = right && bytes[i] == (char)((got + (size_t)i) % 251);
    thread_join(&thread);
    CHECK(right);
    CHECK_EQUAL(got, w.size);
    CHECK_EQUAL(w.written, w.size);
    CHECK_EQUAL(close(ends[0]), 0);
}

static void check_full_pipe(void)
{
    static char bytes[PIPE_BUF];
    ssize_t n, sum = 0;
    int ends[2];

    CHECK_EQUAL(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    CHECK_EQUAL(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    CHECK_FAILS(read(ends[0], bytes, 1), EAGAIN);
    CHECK_FAILS(read(ends[0], bytes, 1), EAGAIN);
    while ((n = write(ends[1], bytes, sizeof(bytes))) > 0)
        sum += n;
    CHECK_EQUAL(errno, EAGAIN);
    CHECK(sum >= PIPE_BUF);
    while ((n = read(ends[0], bytes, sizeof(bytes))) > 0)
        sum -= n;
    CHECK_EQUAL(sum, 0);
    CHECK_EQUAL(close(ends[1]), 0);
    CHECK_EQUAL(read(ends[0], bytes, 1), 0);
    CHECK_EQUAL(close(ends[0]), 0);
}

static volatile sig_atomic_t broken;

static void note(int signal_number)
{
    broken += signal_number == SIGPIPE;
    signal(SIGPIPE, note);
}

static void check_broken_pipe(void)
{
    int ends[2];

    broken = 0;
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(close(ends[0]), 0);
    signal(SIGPIPE, note);
    CHECK_FAILS(write(ends[1], "x", 1), EPIPE);
    CHECK_EQUAL(broken, 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK_FAILS(write(ends[1], "x", 1), EPIPE);
    CHECK_EQUAL(broken, 1);
    signal(SIGPIPE, SIG_DFL);
    CHECK_EQUAL(close(ends[1]), 0);
}

/* ---- signals while a read waits ---- */

enum { BYTES = 200, MS = 1000000 };
#define LIMIT UINT64_C(20000000000)

static _Atomic int caught, interrupted;
static bool restarts;

static void catch (int signal_number)
{
    (void)signal_number;
    caught++;
}

/* Another thread's: it takes no signal itself. */
static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Signals come again and again, as the first may come before the read, and the byte when one has interrupted it. With SA_RESTART one comes, and the byte a little after its
 * handler has run: the read waits again. */
static void signal_and_write(void *argument)
{
    const uint64_t until = kernel_clock_now() + LIMIT;

    block_signals();
    for (unsigned i = 0; kernel_clock_now() < until; i++) {
        (void)!kernel_sleep_until(kernel_clock_now() + UINT64_C(20) * MS);
        if (i > 0 && atomic_load(restarts ? &caught : &interrupted) > 0)
            break;
        if (i == 0 || !restarts)
            CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    }
    (void)!kernel_sleep_until(kernel_clock_now() + UINT64_C(20) * MS);
    CHECK_EQUAL(write(*(const int *)argument, "x", 1), 1);
}

/* A signal comes with each byte, at whatever moment of the read. */
static void signal_each(void *argument)
{
    block_signals();
    for (unsigned i = 0; i < BYTES; i++) {
        const uint8_t byte = (uint8_t)i;

        CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
        CHECK_EQUAL(write(*(const int *)argument, &byte, 1), 1);
    }
}

/* Whatever signals come meanwhile. */
static ssize_t read_byte(int file, uint8_t *byte)
{
    ssize_t n;

    while ((n = read(file, byte, 1)) == -1 && errno == EINTR)
        continue;
    return n;
}

static void check_interrupted_read(void)
{
    struct sigaction action = {.sa_handler = catch};
    struct thread thread;
    uint8_t byte;
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    for (unsigned round = 0; round < 4; round++) { /* from the second on the first try waits */
        restarts = round & 1;
        action.sa_flags = restarts ? SA_RESTART : 0;
        CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR); /* none of the last round is left */
        atomic_store(&caught, 0);
        atomic_store(&interrupted, 0);
        CHECK_EQUAL(sigaction(SIGUSR1, &action, NULL), 0);
        CHECK_EQUAL(thread_start(&thread, signal_and_write, &ends[1], THREAD_PRIORITY_DEFAULT),
                    KERN_SUCCESS);
        if (restarts) {
            CHECK_EQUAL(read(ends[0], &byte, 1), 1);
            CHECK_EQUAL(atomic_load(&caught), 1);
        } else {
            CHECK_FAILS(read(ends[0], &byte, 1), EINTR);
            atomic_store(&interrupted, 1);
            CHECK_EQUAL(read_byte(ends[0], &byte), 1);
            CHECK(atomic_load(&caught) >= 1);
        }
        thread_join(&thread);
    }
    action.sa_flags = 0;
    CHECK_EQUAL(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQUAL(thread_start(&thread, signal_each, &ends[1], THREAD_PRIORITY_DEFAULT),
                KERN_SUCCESS);
    for (unsigned i = 0; i < BYTES; i++) {
        const ssize_t n = read_byte(ends[0], &byte);

        CHECK(n == 1 && byte == (uint8_t)i);
    }
    thread_join(&thread);
    signal(SIGUSR1, SIG_DFL);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(close(ends[1]), 0);
}

/* A fifo's ends wait for each other. */
static void open_writer(void *argument)
{
    int *file = argument;

    *file = open("fifo", O_WRONLY);
}

static void check_fifo(void)
{
    struct thread thread;
    int writer = -1;
    char byte;

    CHECK_EQUAL(mkfifo("fifo", 0600), 0);
    CHECK_FAILS(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK_EQUAL(thread_start(&thread, open_writer, &writer, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    const int reader = open("fifo", O_RDONLY);

    CHECK(reader >= 0);
    thread_join(&thread);
    CHECK(writer >= 0);
    CHECK_EQUAL(write(writer, "f", 1), 1);
    CHECK_EQUAL(read(reader, &byte, 1), 1);
    CHECK_EQUAL(close(writer), 0);
    CHECK_EQUAL(read(reader, &byte, 1), 0);
    CHECK_EQUAL(close(reader), 0);
    CHECK_EQUAL(unlink("fifo"), 0);
}

void check_pipes(void)
{
    char bytes[8];
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(write(ends[1], "pipe", 4), 4);
    CHECK_EQUAL(read(ends[0], bytes, sizeof(bytes)), 4);
    CHECK_FAILS(read(ends[1], bytes, 1), EBADF);
    CHECK_FAILS(write(ends[0], bytes, 1), EBADF);
    CHECK_FAILS(lseek(ends[0], 0, SEEK_SET), ESPIPE);
    CHECK_FAILS(pread(ends[0], bytes, 1, 0), ESPIPE);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(close(ends[1]), 0);
    CHECK_FAILS(pipe2(ends, O_APPEND), EINVAL);
    check_long_pipe();
    check_full_pipe();
    check_broken_pipe();
    check_interrupted_read();
    check_fifo();
}
