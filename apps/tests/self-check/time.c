/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping is never too short, and the clock and the counter tell the same time.
 *
 * How late a sleeper wakes is printed and not judged: under emulation the host decides that.
 */
#include "self-check.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <user/machine.h>

enum { ROUNDS = 10, NAP = 500 * 1000 };

static uint64_t nanoseconds_by_counter(void)
{
    uint64_t ticks = machine_counter() - program_start_info->entry_counter;

    return (uint64_t)((unsigned __int128)ticks * 1000000000 /
                      program_start_info->counter_frequency);
}

static void check_clocks_agree(void)
{
    uint64_t tick = 1000000000 / program_start_info->counter_frequency + 1;
    uint64_t before = nanoseconds_by_counter();
    uint64_t clock = kernel_clock_now();
    uint64_t after = nanoseconds_by_counter();

    CHECK(clock + tick >= before && clock <= after + tick);
}

void check_time(void)
{
    uint64_t latest = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t deadline = kernel_clock_now() + NAP;

        CHECK_EQUAL(kernel_sleep_until(deadline), 0);
        uint64_t now = kernel_clock_now();

        CHECK(now >= deadline);
        if (now - deadline > latest)
            latest = now - deadline;
        check_clocks_agree();
    }
    CHECK_EQUAL(kernel_sleep_until(1), 0);
    print("self-check: time checked, latest wake-up %lu us late\n", latest / 1000);
}
