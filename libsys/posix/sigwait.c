/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for signals: sigsuspend, pause, sigwait, sigwaitinfo, sigtimedwait, sigpending.
 */
#include "errors.h"
#include "process.h"
#include "signals.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <time.h>
#include <unistd.h>
#include <wharf/if/process.h>

static int fails(int error)
{
    errno = error;
    return -1;
}

/* The count is looked at by the kernel when it puts the thread to sleep: no handler is missed. */
int sigsuspend(const sigset_t *set)
{
    struct signal_thread *t = &signal_thread;
    const uint64_t mask = t->mask;
    const uint32_t handled = atomic_load(&t->handled);
    (void)signals_claim(mask);
    signals_set_mask(*set);
    while (atomic_load(&t->handled) == handled)
        (void)sys_futex_wait(&t->handled, handled, UINT64_MAX);
    signals_set_mask(mask);
    return fails(EINTR);
}

int pause(void)
{
    const sigset_t mask = signal_thread.mask;
    return sigsuspend(&mask);
}

static int take_wanted(const sigset_t *set, siginfo_t *info, uint64_t deadline)
{
    struct signal_thread *t = &signal_thread;
    if (!signals_claim(*set))
        return fails(ENOSYS);
    const uint32_t handled = atomic_load(&t->handled);
    kern_return_t kr = KERN_SUCCESS;
    t->got.number = 0;
    t->wanted = *set & ~SIGNAL_NEVER;
    signals_look();
    while (t->got.number == 0 && kr != KERN_OPERATION_TIMED_OUT &&
           atomic_load(&t->handled) == handled)
        kr = trap_error(sys_futex_wait(&t->handled, handled, deadline));
    t->wanted = 0;
    if (t->got.number == 0)
        return fails(kr == KERN_OPERATION_TIMED_OUT ? EAGAIN : EINTR);
    if (info != NULL)
        *info = signals_info(&t->got);
    return (int)t->got.number;
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    if (timeout == NULL)
        return take_wanted(set, info, UINT64_MAX);
    if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)
        return fails(EINVAL);
    return take_wanted(set, info,
                       kernel_clock_now() + (uint64_t)timeout->tv_sec * 1000000000 +
                           (uint64_t)timeout->tv_nsec);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    return take_wanted(set, info, UINT64_MAX);
}

int sigwait(const sigset_t *set, int *number)
{
    int got;
    do
        got = take_wanted(set, NULL, UINT64_MAX);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno;
    *number = got;
    return 0;
}

int sigpending(sigset_t *set)
{
    uint64_t signals = 0;
    const mach_port_name_t port = process_port();
    if (port == MSG_NULL || process_pending(port, signals_self(), &signals) != KERN_SUCCESS)
        return fails(ENOSYS);
    *set = signals & signal_thread.mask;
    return 0;
}
