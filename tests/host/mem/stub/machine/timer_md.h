/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No time passes in the memory tests. See stub.h.
 */
#pragma once

#include <kern/types.h>

static inline ticks_t arch_counter(void)
{
    return 0;
}

static inline ticks_t arch_counter_about(void)
{
    return arch_counter();
}

static inline void arch_timer_arm(ticks_t at)
{
    (void)at;
}
