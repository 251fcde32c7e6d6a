/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time as programs see it: nanoseconds since the kernel's first instruction, from the machine's
 * counter.
 */
#pragma once

#include <arch/timer.h>
#include <kern/types.h>

/** Once, boot CPU, after arch_timer_init(). `origin`: the counter that is moment zero. */
void clock_init(ticks_t origin);
static inline nanos_t clock_now(void);
/** The counter's value at a moment, rounded up; NANOS_NEVER and what the counter cannot reach:
 *  TICKS_NEVER. */
ticks_t clock_ticks_at(nanos_t moment);
static inline nanos_t clock_nanos_at(ticks_t counter);
/** Counter value of moment zero. */
ticks_t clock_origin(void);

/** Nanoseconds in a tick, and where they begin: constant after clock_init(). */
struct clock_rate {
    ticks_t origin;
    /* What a tick has behind the point, in units of 2^-64 and 2^-128 nanoseconds, rounded up. That is too much by less
     * than one in 2^128: no product with less than 2^64 ticks becomes a whole nanosecond by it that was none, since
     * those that are not lack 2^-32 at least. So results are exact. */
    uint64_t part, fine;
    uint64_t whole;
};
extern struct clock_rate clock_rate;

static inline uint64_t clock_upper_half(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

static inline nanos_t clock_nanos_of(ticks_t ticks)
{
    struct clock_rate rate = clock_rate;
    uint64_t sum;
    bool carry =
        __builtin_add_overflow(ticks * rate.part, clock_upper_half(ticks, rate.fine), &sum);
    return ticks * rate.whole + clock_upper_half(ticks, rate.part) + carry;
}

static inline nanos_t clock_nanos_at(ticks_t counter)
{
    return counter > clock_rate.origin ? clock_nanos_of(counter - clock_rate.origin) : 0;
}

static inline nanos_t clock_now(void)
{
    return clock_nanos_of(arch_counter() - clock_rate.origin);
}
