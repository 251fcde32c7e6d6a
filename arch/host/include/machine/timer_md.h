/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual time: it moves when simulated CPUs do something, and jumps to the next alarm when all of
 * them are idle.
 */
#pragma once

#include <kern/types.h>

/** Ticks a second: the Raspberry Pi 4's, because it is no round number of nanoseconds. */
#define HOST_COUNTER_FREQUENCY UINT64_C(54000000)

ticks_t host_counter(void);
void host_timer_arm(ticks_t at);

static inline ticks_t arch_counter(void)
{
    return host_counter();
}

static inline ticks_t arch_counter_about(void)
{
    return arch_counter();
}

static inline void arch_timer_arm(ticks_t at)
{
    host_timer_arm(at);
}
