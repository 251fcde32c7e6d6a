/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time as programs see it: nanoseconds since the kernel's first instruction, from the machine's
 * counter.
 */
#pragma once

#include <kern/types.h>

/** Once, boot CPU, after arch_timer_init(). `origin`: the counter that is moment zero. */
void clock_init(ticks_t origin);
nanos_t clock_now(void);
/** The counter's value at a moment, rounded up; NANOS_NEVER and what the counter cannot reach:
 *  TICKS_NEVER. */
ticks_t clock_ticks_at(nanos_t moment);
nanos_t clock_nanos_at(ticks_t counter);
/** Counter value of moment zero. */
ticks_t clock_origin(void);
