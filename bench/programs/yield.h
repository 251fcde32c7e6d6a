/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both tasks of the yield benchmark agree on.
 */
#pragma once

#include "series.h"
#include <libsys/string.h>
#include <stdbool.h>
#include <user/bench.h>

/* Under instruction counting a nanosecond is an instruction: the head start is less than a third of
 * the rounds, even where a lone yield takes 50. */
enum { YIELD_HEAD_START = 1000000, YIELD_ROUNDS = 3 * (SERIES_LENGTH + 2) * REPEATS };

/** Whether the first argument asks for the variant with floating-point state. */
static inline bool yield_with_fp(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "fp") == 0;
}
