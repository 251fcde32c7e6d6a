/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heartbeats (bootstrap/heartbeat.h) with a clock of the test's: who hangs is found in time; when the machine stands still nobody is taken for hung who
 * goes on when it does, and who hangs is found all the same.
 *
 * Time passes in milliseconds. The machine stands still from `still_from` on for `still`, and again so `every`: the clock goes on, and nobody else does.
 */
#include "../check.h"
#include "heartbeat.h"
#include "restart.h"
#include <libsys/kernel.h>
#include <stdarg.h>
#include <user/msg.h>

enum { NOT_FOUND = 1 << 30 };
#define INTERVAL UINT32_C(1000)

static uint64_t now;
static struct program program;
static bool ended;

/* What the machine does. */
static unsigned still_from, still, every;
/* What the program does: it answers so long after a ping, of time in which the machine runs, and says that it is busy. */
static unsigned takes;
static uint64_t busy_until;
static unsigned to_answer; /* milliseconds until it does; 0: it was not asked */
static unsigned pings;

uint64_t kernel_clock_now(void)
{
    return now;
}

void host_msg_trap(struct msg_registers *registers)
{
    registers->result = 0;
    to_answer = takes;
    pings++;
}

void log_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CHECK(strstr(format, "has hung") != NULL);
    va_end(arguments);
}

void restart_end(struct program *p, enum ending ending)
{
    CHECK(p == &program && ending == ENDING_HUNG);
    p->ping_at = p->answer_by = NEVER;
    ended = true;
}

static bool stands_still(unsigned millisecond)
{
    if (still == 0 || millisecond < still_from)
        return false;
    const unsigned since = millisecond - still_from;
    return every != 0 ? since % every < still : since < still;
}

/* As events_run() does, for so many milliseconds at most. At which it is taken for hung. */
static unsigned run(unsigned most)
{
    uint64_t began = 0;
    now = 0;
    ended = false;
    to_answer = pings = 0;
    program = (struct program){.recipe.heartbeat = INTERVAL, .ping_at = NEVER, .answer_by = NEVER};
    heartbeat_begin(&program, now);
    for (unsigned t = 0; t < most; t++) {
        now = t * MILLISECOND;
        if (stands_still(t))
            continue;
        const uint64_t until =
            program.ping_at < program.answer_by ? program.ping_at : program.answer_by;
        const bool answers = to_answer > 0 && --to_answer == 0;
        if (!answers && now < until)
            continue;
        heartbeat_waited(began, until, now);
        if (answers)
            heartbeat_answer(&program, KERN_SUCCESS, busy_until);
        heartbeat_due(&program, now);
        began = now;
        if (ended)
            return t;
    }
    return NOT_FOUND;
}

static void machine(unsigned from, unsigned how_long, unsigned again_after)
{
    still_from = from;
    still = how_long;
    every = again_after;
}

/* On a machine that is on time. */
static void on_time(void)
{
    machine(0, 0, 0);
    busy_until = 0;
    takes = 1;
    CHECK_EQ(run(1000 * INTERVAL), NOT_FOUND);
    CHECK(pings > 990);
    takes = INTERVAL + INTERVAL / 5;
    CHECK_EQ(run(100 * INTERVAL), NOT_FOUND);
    takes = NOT_FOUND; /* it hangs */
    CHECK_EQ(run(100 * INTERVAL), 2 * INTERVAL + INTERVAL / 4);
    takes = 1;
    busy_until = 2 * MILLISECOND * INTERVAL;
    CHECK_EQ(run(100 * INTERVAL), 2 * INTERVAL + 2); /* the first answer behind it */
}

/* It stands still once, for any time, from any moment on. */
static void once(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        machine((unsigned)check_below(UINT64_C(4) * INTERVAL),
                1 + (unsigned)check_below(UINT64_C(10) * INTERVAL), 0);
        busy_until = 0;
        takes = 1 + (unsigned)check_below(UINT64_C(3) * INTERVAL / 4);
        CHECK_EQ(run(30 * INTERVAL), NOT_FOUND);
        takes = NOT_FOUND;
        const unsigned found = run(30 * INTERVAL), end = still_from + still;
        CHECK(found <= (end > INTERVAL ? end : INTERVAL) + 3 * INTERVAL);
    }
}

/* It has time for a tenth of an interval now and then. */
static void again_and_again(void)
{
    machine(INTERVAL + 50, 3 * INTERVAL, 3 * INTERVAL + 100);
    busy_until = 0;
    takes = INTERVAL * 6 / 10;
    CHECK_EQ(run(100 * INTERVAL), NOT_FOUND);
    takes = NOT_FOUND;
    const unsigned found = run(1000 * INTERVAL);
    CHECK(found > 10 * INTERVAL && found < 100 * INTERVAL);
}

/* What it is busy with would have been done. */
static void busy(void)
{
    machine(INTERVAL / 2, 5 * INTERVAL, 0);
    takes = 1;
    busy_until = 2 * MILLISECOND * INTERVAL;
    CHECK_EQ(run(6 * INTERVAL + INTERVAL / 4), NOT_FOUND);
    CHECK_EQ(pings, 1);
    const unsigned found = run(100 * INTERVAL);
    CHECK(found > 6 * INTERVAL && found < 7 * INTERVAL);
    CHECK_EQ(pings, 2);
}

/* A program that is asked to stop does so after `takes` of time in which the machine runs. At which millisecond it has had its time, if it has not stopped. */
static unsigned stop(unsigned most)
{
    uint64_t began = 0;
    unsigned left = takes;
    now = 0;
    program = (struct program){.recipe.stop_time = INTERVAL, .ping_at = NEVER, .answer_by = NEVER};
    heartbeat_stop(&program, now);
    for (unsigned t = 1; t < most; t++) {
        if (stands_still(t))
            continue;
        now = t * MILLISECOND;
        if (program.stop_by <= now) {
            heartbeat_waited(began, program.stop_by, now);
            began = now;
            if (heartbeat_stop_is_over(&program, now)) {
                CHECK(program.stop_by == NEVER);
                return t;
            }
        }
        if (--left == 0)
            return NOT_FOUND;
    }
    return most;
}

/* H3. */
static void stopping(void)
{
    machine(0, 0, 0);
    takes = INTERVAL - 1;
    CHECK_EQ(stop(10 * INTERVAL), NOT_FOUND);
    takes = NOT_FOUND; /* it never does */
    CHECK_EQ(stop(10 * INTERVAL), INTERVAL);
    machine(1, INTERVAL + 50, 0); /* before it has done anything */
    takes = 1;
    CHECK_EQ(stop(10 * INTERVAL), NOT_FOUND);
    for (unsigned i = 0; i < 2000; i++) {
        machine((unsigned)check_below(UINT64_C(2) * INTERVAL),
                1 + (unsigned)check_below(UINT64_C(10) * INTERVAL), 0);
        takes = 1 + (unsigned)check_below(UINT64_C(3) * INTERVAL / 4);
        CHECK_EQ(stop(30 * INTERVAL), NOT_FOUND);
        takes = NOT_FOUND;
        const unsigned found = stop(30 * INTERVAL), end = still_from + still;
        CHECK(found <= (end > INTERVAL ? end : INTERVAL) + 2 * INTERVAL);
    }
    machine(INTERVAL / 5, 3 * INTERVAL, 3 * INTERVAL + 100);
    CHECK(stop(1000 * INTERVAL) < 100 * INTERVAL);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    on_time();
    once();
    again_and_again();
    busy();
    stopping();
    return check_end();
}
