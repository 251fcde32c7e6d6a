/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counter to nanoseconds and back, exact over the machine's life: to nanoseconds by a factor of 64 bits before and 128
 * behind the point, back by quotient and remainder.
 */
#include <arch/timer.h>
#include <kern/clock.h>

#define NANOS_PER_SECOND UINT64_C(1000000000)

struct clock_rate clock_rate = {.whole = NANOS_PER_SECOND};
static uint64_t frequency = 1; /* constant after clock_init(); below 2^32 */

/* The next 32 binary digits of *rest / frequency. */
static uint64_t digits(uint64_t *rest)
{
    uint64_t dividend = *rest << 32;
    *rest = dividend % frequency;
    return dividend / frequency;
}

void clock_init(ticks_t zero)
{
    frequency = arch_counter_frequency();
    uint64_t rest = NANOS_PER_SECOND % frequency;
    clock_rate.origin = zero;
    clock_rate.whole = NANOS_PER_SECOND / frequency;
    clock_rate.part = digits(&rest) << 32;
    clock_rate.part |= digits(&rest);
    clock_rate.fine = digits(&rest) << 32;
    clock_rate.fine |= digits(&rest);
    if (rest > 0 && ++clock_rate.fine == 0)
        clock_rate.part++;
}

ticks_t clock_origin(void)
{
    return clock_rate.origin;
}

ticks_t clock_ticks_at(nanos_t moment)
{
    uint64_t seconds = moment / NANOS_PER_SECOND;
    uint64_t rest = moment % NANOS_PER_SECOND;
    uint64_t ticks;
    if (moment == NANOS_NEVER || __builtin_mul_overflow(seconds, frequency, &ticks))
        return TICKS_NEVER;
    uint64_t part = (rest * frequency + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND;
    if (__builtin_add_overflow(ticks, part, &ticks) ||
        __builtin_add_overflow(ticks, clock_rate.origin, &ticks))
        return TICKS_NEVER;
    return ticks;
}
