/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Yielding between two address spaces: this task measures, bench-yield-b yields back. With the
 * argument fp both write a vector register in each turn, so that each switch has to save and load
 * the floating-point state.
 */
#include "yield.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>

int main(int argc, char **argv)
{
    static struct series series;
    bool fp = yield_with_fp(argc, argv);
    uint64_t empty = fp ? bench_loop_empty_fp(REPEATS) : bench_loop_empty(REPEATS);

    /* The other one is in its loop when this sleep ends. */
    (void)!kernel_sleep_until(kernel_clock_now() + YIELD_HEAD_START);
    series_run(&series, fp ? bench_loop_switch_fp : bench_loop_switch, 2 * empty);
    series_print(&series, fp ? "yield_switch_fp" : "yield_switch", "instructions", 2 * REPEATS);
    print("bench: done\n");
    return 0;
}
