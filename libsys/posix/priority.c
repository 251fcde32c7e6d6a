/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nice values, of the program itself: each step above 0 takes two from the priority of the thread that asks. Below 0 would be more
 * than the program was started with, and that it has no right to.
 */
#include "errors.h"
#include "pthread_impl.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICEST = 19, STEP = 2 };

static _Atomic int nice_value;

/* 0, or an errno. Groups and users have no nice value of their own here. */
static int find(int which, id_t who)
{
    if (which != PRIO_PROCESS && which != PRIO_PGRP && which != PRIO_USER)
        return EINVAL;
    return which == PRIO_PROCESS && (who == 0 || who == (id_t)getpid()) ? 0 : ESRCH;
}

int getpriority(int which, id_t who)
{
    const int error = find(which, who);

    return error == 0 ? atomic_load(&nice_value) : posix_error(error);
}

int setpriority(int which, id_t who, int value)
{
    int error = find(which, who);

    if (error == 0 && value < 0)
        error = EACCES;
    if (error != 0)
        return posix_error(error);
    value = value > NICEST ? NICEST : value;
    const int base = (int)posix_priority_of(SCHED_OTHER, 0);
    const int number = base - STEP * value;

    error = posix_priority_set((unsigned)(number < 1 ? 1 : number));
    if (error != 0)
        return posix_error(error);
    atomic_store(&nice_value, value);
    return 0;
}

int nice(int increment)
{
    const int value = atomic_load(&nice_value) + (increment < -NICEST  ? -NICEST
                                                  : increment > NICEST ? NICEST
                                                                       : increment);

    if (setpriority(PRIO_PROCESS, 0, value) != 0)
        return errno == EACCES ? posix_error(EPERM) : -1;
    return atomic_load(&nice_value);
}
