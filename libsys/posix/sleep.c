/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping: a wait, up to a deadline, for a word that changes when a handler has run. A cancellation point.
 */
#include "cancel.h"
#include "clock_impl.h"
#include "signals.h"
#include <errno.h>
#include <libsys/trap.h>

/* 0 or EINTR. */
static int sleep_until(uint64_t deadline)
{
    static const _Atomic uint32_t never; /* where there are no handlers */
    const _Atomic uint32_t *word = signals_handled != NULL ? signals_handled() : &never;
    const uint32_t before = *word;
    kern_return_t kr;

    do {
        cancel_enter();
        kr = trap_error(sys_futex_wait((const void *)word, before, deadline));
        cancel_leave(kr == KERN_ABORTED);
    } while (kr != KERN_OPERATION_TIMED_OUT && *word == before);
    return kr == KERN_OPERATION_TIMED_OUT ? 0 : EINTR;
}

static int sleep_for(const struct timespec *wanted, struct timespec *left)
{
    const uint64_t duration = clock_nanoseconds(wanted), now = clock_now_nanoseconds();
    const uint64_t deadline = duration < TRAP_NEVER - now ? now + duration : TRAP_NEVER;
    const int error = sleep_until(deadline);

    if (error != 0 && left != NULL) {
        const uint64_t at = clock_now_nanoseconds();

        *left = clock_timespec(deadline > at ? deadline - at : 0);
    }
    return error;
}

static int sleep_to(clockid_t clock, const struct timespec *moment)
{
    const uint64_t at = clock_nanoseconds(moment);

    return sleep_until(clock == CLOCK_REALTIME ? clock_of_day(at) : at);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left)
{
    uint64_t unused;

    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return clock != CLOCK_THREAD_CPUTIME_ID && cpu_clock_now(clock, &unused) == 0 ? ENOTSUP
                                                                                      : EINVAL;
    if (wanted->tv_nsec < 0 || wanted->tv_nsec >= SECOND)
        return EINVAL;
    if (flags & TIMER_ABSTIME)
        return sleep_to(clock, wanted);
    return wanted->tv_sec < 0 ? EINVAL : sleep_for(wanted, left);
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);

    if (error == 0)
        return 0;
    errno = error;
    return -1;
}
