/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same as others.h for programs that use the process server.
 */
#pragma once

#include "others.h"
#include <unistd.h>

/** settled_objects(). The process server has one timer for all alarms, which holds a right while it is armed: for the earliest, were it that of a process that has ended since. With
 *  an alarm of ours it is always armed. */
static inline uint64_t settled_with_alarm(void (*ask)(void))
{
    enum { NEVER = 100000 };

    (void)alarm(NEVER);
    return settled_objects(ask);
}
