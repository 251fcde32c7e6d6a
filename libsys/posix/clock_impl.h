/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files about time share. Everything counts nanoseconds since boot, as the kernel does.
 */
#pragma once

#include <libsys/program.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <user/machine.h>
#include <wharf/trap.h>

enum { SECOND = 1000000000 };

/** Now; the clock of kernel_clock_now(). */
static inline uint64_t clock_now_nanoseconds(void)
{
    uint64_t ticks = machine_counter() - program_start_info->entry_counter;
    uint64_t frequency = program_start_info->counter_frequency;

    /* A frequency has at most 34 bits, or the second product would overflow. */
    return ticks / frequency * SECOND + ticks % frequency * SECOND / frequency;
}

/** What has to be added for the time of day; 0 if nobody has said what time it is. */
uint64_t clock_wall_offset(void);

/** A time in nanoseconds; before zero: 0, too much: TRAP_NEVER. tv_nsec is less than a second. */
static inline uint64_t clock_nanoseconds(const struct timespec *time)
{
    if (time->tv_sec < 0)
        return 0;
    if ((uint64_t)time->tv_sec >= TRAP_NEVER / SECOND - 1)
        return TRAP_NEVER;
    return (uint64_t)time->tv_sec * SECOND + (uint64_t)time->tv_nsec;
}

/** When a moment of the day is; the offset is negative, modulo 2^64, where the day was set to less than the time since boot. */
static inline uint64_t clock_of_day(uint64_t wall)
{
    const int64_t offset = (int64_t)clock_wall_offset();

    if (wall == TRAP_NEVER)
        return TRAP_NEVER;
    if (offset < 0)
        return wall < TRAP_NEVER - (uint64_t)-offset ? wall + (uint64_t)-offset : TRAP_NEVER;
    return wall > (uint64_t)offset ? wall - (uint64_t)offset : 0;
}

static inline struct timespec clock_timespec(uint64_t nanoseconds)
{
    return (struct timespec){(time_t)(nanoseconds / SECOND), (long)(nanoseconds % SECOND)};
}

/* A clock of one thread's use of CPUs: its number in the table of threads (pthread_table.c), shifted, with the lowest
 * bits set. Those of <time.h> are small. */
enum { CLOCK_OF_THREAD = 7, CLOCK_OF_THREAD_SHIFT = 4, CLOCK_OF_THREAD_MASK = 15 };

/** Nanoseconds on CPUs. cpu_clock.c; EINVAL, ESRCH. */
int cpu_clock_now(clockid_t clock, uint64_t *nanoseconds);

/** The time of day has been set; there if the program has timers. */
[[gnu::weak]] void posix_timers_look_again(void);
