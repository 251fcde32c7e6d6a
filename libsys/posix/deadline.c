/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moments of POSIX's clocks as the kernel's. A moment of the day is where it lies when the wait begins: the clock is hardly ever set.
 */
#include "clock_impl.h"
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/trap.h>

int posix_deadline(clockid_t clock, const struct timespec *moment, uint64_t *deadline)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    *deadline = TRAP_NEVER;
    if (moment == NULL)
        return 0;
    if (moment->tv_nsec < 0 || moment->tv_nsec >= SECOND)
        return EINVAL;
    *deadline = clock_nanoseconds(moment);
    if (clock == CLOCK_REALTIME)
        *deadline = clock_of_day(*deadline);
    return 0;
}
