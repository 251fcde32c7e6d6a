/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmarks that need one task. Arguments choose rows; without any, all are run.
 *
 * Nothing is printed before the measuring of a row ends, and this program and libsys use no
 * floating-point registers: the threads have no floating-point state.
 */
#include "series.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/string.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdbool.h>
#include <stddef.h>
#include <user/bench.h>

static uint64_t empty; /* REPEATS rounds of the loop without a trap */

static void bench_null_trap(void)
{
    static struct series series;

    series_run(&series, bench_loop_self, empty);
    series_print(&series, "null_trap", "instructions", REPEATS);
}

/* Enough rounds to be there until the other thread has done all of its own. */
enum { PARTNER_ROUNDS = 4 * (SERIES_LENGTH + 2) * REPEATS };

static void partner(void *argument)
{
    (void)argument;
    (void)bench_loop_switch(PARTNER_ROUNDS);
}

/** Two threads of one task: each round here holds two switches and a round of the partner. */
static void bench_yield_same_task(void)
{
    static struct series series;
    static struct thread thread;

    if (thread_start(&thread, partner, NULL, THREAD_PRIORITY_DEFAULT) != KERN_SUCCESS)
        return;
    (void)bench_loop_switch(REPEATS);
    series_run(&series, bench_loop_switch, 2 * empty);
    series_print(&series, "yield_switch_same_task", "instructions", 2 * REPEATS);
    thread_join(&thread);
}

/** Nobody else is ready: the price of finding that out. */
static void bench_yield_alone(void)
{
    static struct series series;

    series_run(&series, bench_loop_switch, empty);
    series_print(&series, "yield_alone", "instructions", REPEATS);
}

static _Atomic uint32_t ping, pong;

static void answer(void *argument)
{
    uint32_t rounds = (uint32_t)(uintptr_t)argument;

    for (uint32_t round = 1; round <= rounds; round++) {
        word_wait_while(&ping, round - 1);
        word_set(&pong, round);
    }
}

/** One round: a wakes b and sleeps, b wakes a and sleeps; stubs and loops of libsys are in it. */
static void bench_futex(void)
{
    static struct series series;
    static struct thread thread;
    const uint32_t batches = SERIES_LENGTH + 2;
    uint32_t round = 0;

    if (thread_start(&thread, answer, (void *)(uintptr_t)(batches * REPEATS),
                     THREAD_PRIORITY_DEFAULT) != KERN_SUCCESS)
        return;
    for (uint32_t batch = 0; batch < batches; batch++) {
        uint64_t start = kernel_clock_now();

        for (unsigned i = 0; i < REPEATS; i++, round++) {
            word_set(&ping, round + 1);
            word_wait_while(&pong, round);
        }
        if (batch >= 2)
            series_add(&series, kernel_clock_now() - start);
    }
    series_print(&series, "futex_ping_pong", "instructions", REPEATS);
    thread_join(&thread);
}

static volatile uint64_t last_low;

static void spin_low(void *argument)
{
    (void)argument;
    bench_store_counter(&last_low);
}

/**
 * A low thread stores the counter in a loop of three instructions; this one, more urgent, sleeps
 * and reads the counter first thing when it wakes. The difference holds one round of that loop.
 */
static void bench_timer_preempt(void)
{
    enum { ROUND = 3, NAP = 50000 };
    static struct series series;
    static struct thread thread;

    if (kernel_thread_set_priority(THREAD_PRIORITY_DEFAULT + 2) != KERN_SUCCESS ||
        thread_start(&thread, spin_low, NULL, THREAD_PRIORITY_DEFAULT + 1) != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < SERIES_LENGTH + 5; i++) {
        uint64_t woken = bench_sleep_until(kernel_clock_now() + NAP + UINT64_C(7) * i);

        if (i >= 5)
            series_add(&series, woken - last_low - ROUND);
    }
    series_print(&series, "timer_preempt", "instructions", 1);
}

static const struct {
    const char *name;
    void (*run)(void);
} rows[] = {
    {"null_trap", bench_null_trap},
    {"yield_alone", bench_yield_alone},
    {"yield_switch_same_task", bench_yield_same_task},
    {"futex_ping_pong", bench_futex},
    {"timer_preempt", bench_timer_preempt}, /* last: its low thread never ends */
};

int main(int argc, char **argv)
{
    (void)bench_nops(); /* its pages come now, wherever they lie */
    uint64_t nops = bench_nops();

    empty = bench_loop_empty(REPEATS);
    row_print("calibration_1000_nops", "instructions", nops);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool wanted = argc == 1;

        for (int a = 1; a < argc; a++)
            wanted |= strcmp(argv[a], rows[i].name) == 0;
        if (wanted)
            rows[i].run();
    }
    print("bench: done\n");
    return 0;
}
