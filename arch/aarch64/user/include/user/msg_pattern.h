/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: the trap msg with every register of the machine chosen before and looked at afterwards.
 */
#pragma once

#include <stdint.h>

enum { PATTERN_REGISTERS = 31, PATTERN_VECTORS = 32, PATTERN_FIRST_KEPT = 19 };

struct register_file {
    uint64_t x[PATTERN_REGISTERS];
    uint64_t tpidrro; /* out: TPIDRRO_EL0, which is zero for programs */
    uint64_t v[PATTERN_VECTORS][2];
    uint64_t fpcr, fpsr;
};

/** Load all of `in`, SVC #1, store all to `out`. */
void msg_pattern_trap(const struct register_file *in, struct register_file *out);
