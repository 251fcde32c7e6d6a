/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib calls about time; the clocks are in libsys/posix/.
 */
#include "../posix/clock_impl.h"
#include "calls.h"
#include <sys/resource.h>

enum { TICK = SECOND / CLOCKS_PER_SEC, MICROSECOND = 1000 };

int _gettimeofday(struct timeval *time, void *zone)
{
    const uint64_t at = clock_now_nanoseconds() + clock_wall_offset();

    (void)zone;
    time->tv_sec = (time_t)(at / SECOND);
    time->tv_usec = (suseconds_t)(at % SECOND / MICROSECOND);
    return 0;
}

/* libsys/posix/wait.c: in programs that wait for children. */
[[gnu::weak]] int process_children_usage(struct rusage *usage);

/* The kernel does not say what of it was spent in itself. */
clock_t _times(struct tms *times)
{
    uint64_t used = 0, by_children = 0;
    struct rusage usage;

    (void)cpu_clock_now(CLOCK_PROCESS_CPUTIME_ID, &used);
    if (process_children_usage != NULL && process_children_usage(&usage) == 0)
        by_children = (uint64_t)usage.ru_utime.tv_sec * SECOND +
                      (uint64_t)usage.ru_utime.tv_usec * MICROSECOND;
    *times = (struct tms){.tms_utime = used / TICK, .tms_cutime = by_children / TICK};
    return clock_now_nanoseconds() / TICK;
}
