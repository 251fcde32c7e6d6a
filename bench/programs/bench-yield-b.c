/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other task of bench-yield-a: yields long enough.
 */
#include "yield.h"
#include <libsys/program.h>

int main(int argc, char **argv)
{
    if (yield_with_fp(argc, argv))
        (void)bench_loop_switch_fp(YIELD_ROUNDS);
    else
        (void)bench_loop_switch(YIELD_ROUNDS);
    return 0;
}
