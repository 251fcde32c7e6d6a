/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time of the library tests: what the test says, see stub.h.
 */
#pragma once

#include <kern/types.h>

extern ticks_t stub_now;

static inline ticks_t arch_counter(void)
{
    return stub_now;
}

static inline ticks_t arch_counter_about(void)
{
    return arch_counter();
}

static inline void arch_timer_arm(ticks_t at)
{
    (void)at;
}
