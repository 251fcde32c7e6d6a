/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes, waits and watches, with another process at the other end.
 */
#include "files.h"
#include <libsys/clone.h>
#include <libsys/thread.h>
#include <wharf/if/file_events.h>
#include <wharf/if/port.h>

enum { ATOMIC = 4096, LAPS = 200 };

static void check_ends(void)
{
    mach_port_name_t reader, writer;
    uint8_t data[FILE_DATA_MAX] = {0};
    uint32_t n = 0, total = 0, holding;
    kern_return_t kr;

    CHECK_EQUAL(file_make_pipe(root, 0, &reader, &writer), KERN_SUCCESS);
    CHECK_EQUAL(file_read(reader, FILE_CURRENT, 10, data, &n), unix_error(EAGAIN));
    CHECK_EQUAL(file_read(writer, FILE_CURRENT, 10, data, &n), unix_error(EBADF));
    CHECK_EQUAL(file_poll(writer, FILE_WRITABLE | FILE_READABLE, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, FILE_WRITABLE);
    CHECK_EQUAL(file_poll(reader, FILE_READABLE, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, 0);
    while ((kr = file_write(writer, FILE_CURRENT, data, ATOMIC - 96, &n)) == KERN_SUCCESS) {
        CHECK_EQUAL(n, ATOMIC - 96);
        total += n;
    }
    CHECK_EQUAL(kr, unix_error(EAGAIN));
    CHECK_EQUAL(file_poll(writer, FILE_WRITABLE, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, 0);
    close_file(writer);
    while (file_read(reader, FILE_CURRENT, FILE_DATA_MAX, data, &n) == KERN_SUCCESS && n != 0)
        total -= n;
    CHECK_EQUAL(total, 0);
    CHECK_EQUAL(n, 0);
    CHECK_EQUAL(file_wait(reader, FILE_READABLE, 1, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, FILE_HANG_UP);
    close_file(reader);
    CHECK_EQUAL(file_make_pipe(root, 0, &reader, &writer), KERN_SUCCESS);
    close_file(reader);
    CHECK_EQUAL(file_wait(writer, 0, 1, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, FILE_FAILED);
    CHECK_EQUAL(file_write(writer, FILE_CURRENT, data, 1, &n), unix_error(EPIPE));
    close_file(writer);
}

static void check_fifo(void)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t reader, writer;
    uint32_t outcome, holding;
    kern_return_t error;

    CHECK_EQUAL(make_at(root, "/tmp/fifo", FILE_KIND_FIFO, ""), KERN_SUCCESS);
    try_open(root, "/tmp/fifo", FILE_WRITE | FILE_NONBLOCK, &error);
    CHECK_EQUAL(error, unix_error(ENXIO));
    CHECK_EQUAL(file_open(root, "/tmp/fifo", FILE_READ, 0, 0, &outcome, &reader, rest),
                KERN_SUCCESS);
    CHECK_EQUAL(outcome, FILE_OUTCOME_OPENING);
    CHECK_EQUAL(file_poll(reader, FILE_OPENED | FILE_READABLE, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, 0);
    CHECK_EQUAL(file_open(root, "/tmp/fifo", FILE_WRITE, 0, 0, &outcome, &writer, rest),
                KERN_SUCCESS);
    CHECK_EQUAL(outcome, FILE_OUTCOME_DONE);
    CHECK_EQUAL(file_wait(reader, FILE_OPENED, 1, &holding), KERN_SUCCESS);
    CHECK_EQUAL(holding, FILE_OPENED);
    close_file(writer);
    close_file(reader);
    CHECK_EQUAL(remove_at(root, "/tmp/fifo", false), KERN_SUCCESS);
}

/* ---- with another process ---- */

struct pair {
    mach_port_name_t from, to;
};

static bool move(mach_port_name_t from, mach_port_name_t to)
{
    uint8_t data[FILE_DATA_MAX];
    uint32_t n, holding, done;
    kern_return_t kr;

    while ((kr = file_read(from, FILE_CURRENT, 8, data, &n)) == unix_error(EAGAIN))
        if (file_wait(from, FILE_READABLE, 1, &holding) != KERN_SUCCESS)
            return false;
    return kr == KERN_SUCCESS && n == 8 &&
           file_write(to, FILE_CURRENT, data, n, &done) == KERN_SUCCESS && done == 8;
}

static int echo(void *argument)
{
    const struct pair *pair = argument;

    while (move(pair->from, pair->to))
        continue;
    return 0;
}

static void check_echo(void)
{
    mach_port_name_t there, there_in, back, back_in;
    uint8_t data[FILE_DATA_MAX];
    uint32_t n, holding;
    struct clone child;

    CHECK_EQUAL(file_make_pipe(root, 0, &there, &there_in), KERN_SUCCESS);
    CHECK_EQUAL(file_make_pipe(root, 0, &back, &back_in), KERN_SUCCESS);
    struct pair pair = {.from = there, .to = back_in};
    CHECK_EQUAL(clone_make(&child, echo, &pair, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    CHECK_EQUAL(clone_run(&child), KERN_SUCCESS);
    close_file(there);
    close_file(back_in);
    const uint64_t began = kernel_clock_now();
    for (uint64_t i = 0; i < LAPS; i++) {
        kern_return_t kr;
        CHECK_EQUAL(file_write(there_in, FILE_CURRENT, &i, sizeof(i), &n), KERN_SUCCESS);
        while ((kr = file_read(back, FILE_CURRENT, 8, data, &n)) == unix_error(EAGAIN))
            CHECK_EQUAL(file_wait(back, FILE_READABLE, 1, &holding), KERN_SUCCESS);
        CHECK_EQUAL(kr, KERN_SUCCESS);
        CHECK(n == 8 && memcmp(data, &i, 8) == 0);
    }
    print("files-test: pipe_round_trip %llu ns\n",
          (unsigned long long)((kernel_clock_now() - began) / LAPS));
    clone_end(&child); /* in the midst of a wait */
    CHECK_EQUAL(file_wait(back, FILE_READABLE, 1, &holding), KERN_SUCCESS);
    CHECK(holding & FILE_HANG_UP); /* its descriptors went with it */
    close_file(there_in);
    close_file(back);
}

static void check_watch(void)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t reader, writer, port;
    uint32_t n;

    CHECK_EQUAL(file_make_pipe(root, 0, &reader, &writer), KERN_SUCCESS);
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(file_watch(reader, FILE_READABLE, 7, port), KERN_SUCCESS);
    CHECK_EQUAL(file_watch(reader, FILE_READABLE, 8, port), KERN_SUCCESS);
    CHECK_EQUAL(file_watch(reader, 0, 7, port), KERN_SUCCESS); /* no more */
    CHECK_EQUAL(file_write(writer, FILE_CURRENT, "x", 1, &n), KERN_SUCCESS);
    unsigned ready = 0;
    for (unsigned i = 0; i < 3;
         i++) { /* two send-once rights that were given up, and one message */
        struct msg_registers m = {.receive = port, .deadline = UINT64_MAX};
        user_msg_trap(&m);
        if (CHECK(m.result >= 0) && m.id == FILE_EVENTS_ID_READY) {
            CHECK_EQUAL(m.word[0], 8);
            CHECK_EQUAL((uint32_t)m.word[1], FILE_READABLE);
            ready++;
        } else {
            CHECK_EQUAL(m.id, MSG_ID_SEND_ONCE);
        }
    }
    CHECK_EQUAL(ready, 1);
    stub_release_right(port, MSG_MOVE_RECEIVE);
    close_file(reader);
    close_file(writer);
}

void test_pipes(void)
{
    check_ends();
    check_fifo();
    check_watch();
    check_echo();
}
