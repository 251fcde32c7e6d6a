/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks. Those of the day and since boot are read from the counter, without the kernel; those of CPU time are in cpu_clock.c.
 */
#include "clock_impl.h"
#include <errno.h>
#include <wharf/if/host_time.h>

static int fails(int error)
{
    errno = error;
    return -1;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    uint64_t at;

    if (clock == CLOCK_REALTIME || clock == 0 /* CLOCK_REALTIME_COARSE */) {
        at = clock_now_nanoseconds() + clock_wall_offset();
    } else if (clock == CLOCK_MONOTONIC || (clock >= 5 && clock <= 6)) {
        at = clock_now_nanoseconds();
    } else {
        const int error = cpu_clock_now(clock, &at);

        if (error != 0)
            return fails(error);
    }
    *time = clock_timespec(at);
    return 0;
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0)
        return -1;
    if (resolution != NULL) {
        const uint64_t frequency = program_start_info->counter_frequency;

        *resolution =
            clock_timespec(frequency >= SECOND ? 1 : (SECOND + frequency - 1) / frequency);
    }
    return 0;
}

/* Who has the power to set the time of day has the right to it. */
int clock_settime(clockid_t clock, const struct timespec *time)
{
    struct timespec now;

    if (clock != CLOCK_REALTIME)
        return fails(clock_gettime(clock, &now) == 0 && clock != CLOCK_MONOTONIC ? EPERM : EINVAL);
    if (time->tv_nsec < 0 || time->tv_nsec >= SECOND || time->tv_sec < 0)
        return fails(EINVAL);
    if (program_start_info->host_time == 0)
        return fails(EPERM);
    if (host_time_set(program_start_info->host_time, clock_nanoseconds(time)) != KERN_SUCCESS)
        return fails(EPERM);
    if (posix_timers_look_again != NULL)
        posix_timers_look_again();
    return 0;
}
