/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: one counter, common to all CPUs, that never stops or jumps, and one alarm per CPU
 * (tickless).
 */
#pragma once

#include <kern/types.h>

struct board;

/** Find and check the timer. KERN_NOT_SUPPORTED when the counter's frequency is zero or absurd.
 *  Boot CPU, once. */
kern_return_t arch_timer_init(const struct board *board);

/** Enable this CPU's timer interrupt, alarm off. Every CPU. */
void arch_timer_cpu_init(void);

/** The counter now. Ordered after earlier instructions as far as needed to measure them. */
static inline ticks_t arch_counter(void);
/** The same, but possibly some instructions earlier: for records of what happened. */
static inline ticks_t arch_counter_about(void);

/** Ticks a second; constant after arch_timer_init(). */
uint64_t arch_counter_frequency(void);

/** Set this CPU's alarm to counter value `at` (in the past: at once); TICKS_NEVER turns it off. */
static inline void arch_timer_arm(ticks_t at);

#include <machine/timer_md.h>
