/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Clocks are read from the counter, without the kernel. There is no clock of the day yet: the
 * day begins when the machine is switched on, on 1 January 1970.
 */
#include "calls.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <time.h>
#include <user/machine.h>

enum { SECOND = 1000000000 };

/** Nanoseconds since boot; the clock of kernel_clock_now(). */
static uint64_t now(void)
{
    uint64_t ticks = machine_counter() - program_start_info->entry_counter;
    uint64_t frequency = program_start_info->counter_frequency;

    /* A frequency has at most 34 bits, or the second product would overflow. */
    return ticks / frequency * SECOND + ticks % frequency * SECOND / frequency;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return call_fails(EINVAL);
    uint64_t at = now();

    time->tv_sec = (time_t)(at / SECOND);
    time->tv_nsec = (long)(at % SECOND);
    return 0;
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return call_fails(EINVAL);
    if (resolution != NULL) {
        uint64_t frequency = program_start_info->counter_frequency;

        resolution->tv_sec = 0;
        resolution->tv_nsec = frequency >= SECOND ? 1 : (long)(SECOND / frequency);
    }
    return 0;
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
    (void)time;
    return call_fails(clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? EPERM : EINVAL);
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    if (wanted->tv_sec < 0 || wanted->tv_nsec < 0 || wanted->tv_nsec >= SECOND)
        return call_fails(EINVAL);
    uint64_t most = (TRAP_NEVER - now()) / SECOND - 1; /* more is for ever */
    uint64_t deadline = TRAP_NEVER;

    if ((uint64_t)wanted->tv_sec < most)
        deadline = now() + (uint64_t)wanted->tv_sec * SECOND + (uint64_t)wanted->tv_nsec;
    if (kernel_sleep_until(deadline) == KERN_SUCCESS)
        return 0;
    uint64_t at = now();
    uint64_t rest = deadline > at ? deadline - at : 0;

    if (left != NULL) {
        left->tv_sec = (time_t)(rest / SECOND);
        left->tv_nsec = (long)(rest % SECOND);
    }
    return call_fails(EINTR);
}

int _gettimeofday(struct timeval *time, void *zone)
{
    uint64_t at = now();

    (void)zone;
    time->tv_sec = (time_t)(at / SECOND);
    time->tv_usec = (suseconds_t)(at % SECOND / 1000);
    return 0;
}

/** What the CPU has done for this task is not counted yet; it is taken for busy from its start. */
clock_t _times(struct tms *times)
{
    uint64_t ticks = program_first_counter - program_start_info->entry_counter;
    uint64_t start = ticks / program_start_info->counter_frequency * CLOCKS_PER_SEC;
    clock_t at = now() / (SECOND / CLOCKS_PER_SEC);

    *times = (struct tms){.tms_utime = at - start};
    return at;
}
