/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib calls about time; the clocks are in libsys/posix/.
 */
#include "../posix/clock_impl.h"
#include "calls.h"

enum { TICK = SECOND / CLOCKS_PER_SEC, MICROSECOND = 1000 };

int _gettimeofday(struct timeval *time, void *zone)
{
    const uint64_t at = clock_now_nanoseconds() + clock_wall_offset();

    (void)zone;
    time->tv_sec = (time_t)(at / SECOND);
    time->tv_usec = (suseconds_t)(at % SECOND / MICROSECOND);
    return 0;
}

/* The kernel does not say what of it was spent in itself. */
clock_t _times(struct tms *times)
{
    uint64_t used = 0;

    (void)cpu_clock_now(CLOCK_PROCESS_CPUTIME_ID, &used);
    *times = (struct tms){.tms_utime = used / TICK};
    return clock_now_nanoseconds() / TICK;
}
