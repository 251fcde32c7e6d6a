/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: fill the floating-point state with a pattern, hold it for a while, look for damage.
 */
#pragma once

#include <stdint.h>

/** Write values made from `seed` to all vector registers, FPCR and FPSR, spin `loops` times without
 *  a call, compare. Returns the number of registers that changed. */
uint64_t fp_pattern_hold(uint64_t seed, uint64_t loops);
