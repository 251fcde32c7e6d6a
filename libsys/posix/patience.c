/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long who makes a task waits for memory. See patience.h.
 */
#include "patience.h"
#include <libsys/kernel.h>

bool patience_pause(unsigned refusals)
{
    enum { PAUSES = 10 };
    const uint64_t first = 1000000; /* nanoseconds */

    if (refusals >= PAUSES)
        return false;
    (void)kernel_sleep_until(kernel_clock_now() + (first << refusals));
    return true;
}
