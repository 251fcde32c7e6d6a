/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alarm, setitimer, getitimer: the real timer alone.
 */
#include "errors.h"
#include "process.h"
#include <errno.h>
#include <sys/time.h>
#include <unistd.h>
#include <wharf/if/process.h>

#define SECOND UINT64_C(1000000000)

static struct timeval time_of(uint64_t nanoseconds)
{
    const uint64_t us = (nanoseconds + 999) / 1000;
    return (struct timeval){.tv_sec = (time_t)(us / 1000000),
                            .tv_usec = (suseconds_t)(us % 1000000)};
}

static int set(uint64_t first, uint64_t interval, uint64_t *old_first, uint64_t *old_interval)
{
    const mach_port_name_t port = process_port();
    const kern_return_t kr = port == MSG_NULL
                                 ? KERN_NOT_SUPPORTED
                                 : process_set_timer(port, PROCESS_WHICH_TIMER_REAL, first,
                                                     interval, old_first, old_interval);
    if (kr == KERN_SUCCESS)
        return 0;
    errno = posix_errno(kr);
    return -1;
}

unsigned alarm(unsigned seconds)
{
    uint64_t first = 0, interval;
    if (set(seconds * SECOND, 0, &first, &interval) != 0)
        return 0;
    return (unsigned)((first + SECOND - 1) / SECOND);
}

static int is_time(const struct timeval *t)
{
    return t->tv_sec >= 0 && t->tv_sec < 1 << 30 && t->tv_usec >= 0 && t->tv_usec < 1000000;
}

int setitimer(int which, const struct itimerval *new, struct itimerval *old)
{
    uint64_t first = 0, interval = 0;
    if (which != ITIMER_REAL || !is_time(&new->it_value) || !is_time(&new->it_interval)) {
        errno = EINVAL;
        return -1;
    }
    if (set((uint64_t) new->it_value.tv_sec *SECOND + (uint64_t) new->it_value.tv_usec * 1000,
            (uint64_t) new->it_interval.tv_sec *SECOND + (uint64_t) new->it_interval.tv_usec * 1000,
            &first, &interval) != 0)
        return -1;
    if (old != NULL)
        *old = (struct itimerval){.it_value = time_of(first), .it_interval = time_of(interval)};
    return 0;
}

int getitimer(int which, struct itimerval *out)
{
    const mach_port_name_t port = process_port();
    uint64_t first = 0, interval = 0;
    if (which != ITIMER_REAL || port == MSG_NULL ||
        process_get_timer(port, PROCESS_WHICH_TIMER_REAL, &first, &interval) != KERN_SUCCESS) {
        errno = EINVAL;
        return -1;
    }
    *out = (struct itimerval){.it_value = time_of(first), .it_interval = time_of(interval)};
    return 0;
}
