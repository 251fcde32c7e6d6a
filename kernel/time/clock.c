/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counter to nanoseconds and back, exact over the machine's life: quotient and remainder, no
 * accumulated factor.
 */
#include <arch/timer.h>
#include <kern/clock.h>

#define NANOS_PER_SECOND UINT64_C(1000000000)

static ticks_t origin;         /* constant after clock_init() */
static uint64_t frequency = 1; /* the same */

void clock_init(ticks_t zero)
{
    origin = zero;
    frequency = arch_counter_frequency();
}

ticks_t clock_origin(void)
{
    return origin;
}

nanos_t clock_nanos_at(ticks_t counter)
{
    ticks_t ticks = counter > origin ? counter - origin : 0;
    uint64_t seconds = ticks / frequency;
    return seconds * NANOS_PER_SECOND + ticks % frequency * NANOS_PER_SECOND / frequency;
}

nanos_t clock_now(void)
{
    return clock_nanos_at(arch_counter());
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
        __builtin_add_overflow(ticks, origin, &ticks))
        return TICKS_NEVER;
    return ticks;
}
