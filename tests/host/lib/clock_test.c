/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/time/clock.c at all kinds of frequencies, against the same in 128 bits.
 */
#include "check.h"
#include "stub.h"
#include <kern/clock.h>

typedef unsigned __int128 wide;

enum { ROUNDS = 200000 };
static const uint64_t SECOND = 1000000000;

/* As the head of kern/clock.h says: the first counter value that is not before the moment. */
static ticks_t expected_ticks(nanos_t moment, uint64_t frequency, ticks_t origin)
{
    wide ticks = ((wide)moment * frequency + SECOND - 1) / SECOND + origin;

    return moment == NANOS_NEVER || ticks > UINT64_MAX ? TICKS_NEVER : (ticks_t)ticks;
}

static void check_one(uint64_t frequency, ticks_t origin, uint64_t value)
{
    stub_frequency = frequency;
    clock_init(origin);
    CHECK_EQ(clock_ticks_at(value), expected_ticks(value, frequency, origin));
    wide nanos = value > origin ? (wide)(value - origin) * SECOND / frequency : 0;
    if (nanos <= UINT64_MAX) /* 584 years: no machine's counter gets there */
        CHECK_EQ(clock_nanos_at(value), (uint64_t)nanos);
}

/* Over a tick's length there and back again; a moment a tick later is never an earlier count. */
static void check_round_trip(uint64_t frequency, ticks_t origin, nanos_t moment)
{
    ticks_t ticks = clock_ticks_at(moment);

    if (ticks == TICKS_NEVER)
        return;
    nanos_t back = clock_nanos_at(ticks), length = SECOND / frequency + 1;
    CHECK(back <= moment || back - moment <= length);
    CHECK(back >= moment || moment - back <= 1); /* what a fraction of a nanosecond rounds down */
    CHECK(ticks >= origin && clock_ticks_at(moment + 1) >= ticks);
}

int main(int argc, char **argv)
{
    static const uint64_t frequencies[] = {
        1000000,  1000003,  19200000, 24000000,   31250000,
        54000000, 62500000, 99999989, 1000000000, 3999999979,
    };
    static const uint64_t values[] = {
        0,          1,          2,          SECOND - 1, SECOND,         SECOND + 1,
        UINT32_MAX, 1ULL << 53, 1ULL << 56, INT64_MAX,  UINT64_MAX - 1, UINT64_MAX,
    };

    check_begin(argc, argv);
    for (size_t f = 0; f < array_count(frequencies); f++)
        for (size_t v = 0; v < array_count(values); v++)
            for (size_t o = 0; o < array_count(values); o++) {
                check_one(frequencies[f], values[o] >> 8, values[v]);
                check_round_trip(frequencies[f], values[o] >> 8, values[v] >> 1);
            }
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t frequency = 1000000 + check_below(3999000000), origin = check_skewed() >> 8;
        check_one(frequency, origin, check_skewed());
        check_round_trip(frequency, origin, check_skewed() >> 1);
    }
    return check_end();
}
