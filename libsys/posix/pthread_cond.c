/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions.
 *
 * C1 __sequence is the futex; every signal changes it. Who waits has read it with the mutex held, so a signal that comes once the mutex is
 *    free finds him asleep or makes him look again.
 * C2 __waiters counts, from before the mutex is given up until the wait is over, and is not touched afterwards: destroying
 *    waits for 0, so that what has been woken does not touch memory that is gone. The top bit says that somebody destroys.
 * C3 A broadcast wakes all, each of which waits for the mutex then. To move them to the mutex's futex would be cheaper, but they would go on to
 *    C2 only when they have it, and who destroys the condition may hold it.
 */
#include "cancel.h"
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/trap.h>

#define DESTROYED 0x80000000u /* of __waiters */

/* ---- attributes ---- */

int pthread_condattr_init(pthread_condattr_t *attributes)
{
    *attributes = (pthread_condattr_t){CLOCK_REALTIME};
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attributes, clockid_t *clock)
{
    *clock = attributes->__clock;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attributes->__clock = clock;
    return 0;
}

int pthread_condattr_getpshared(const pthread_condattr_t *attributes, int *shared)
{
    (void)attributes;
    *shared = PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attributes, int shared)
{
    (void)attributes;
    return posix_shared_error(shared);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    *condition = (pthread_cond_t){0};
    if (attributes != NULL)
        condition->__clock = (unsigned)attributes->__clock;
    return 0;
}

/* A static one has 0 there. */
static clockid_t clock_of(const pthread_cond_t *condition)
{
    return condition->__clock == 0 ? CLOCK_REALTIME : (clockid_t)condition->__clock;
}

/* ---- waiting ---- */

static void leave(pthread_cond_t *condition)
{
    if (__atomic_sub_fetch(&condition->__waiters, 1, __ATOMIC_ACQ_REL) == DESTROYED)
        (void)sys_futex_wake(&condition->__waiters, UINT32_MAX);
}

static int wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline)
{
    const uint32_t sequence = __atomic_load_n(&condition->__sequence, __ATOMIC_RELAXED);
    unsigned depth;

    cancel_test();
    __atomic_add_fetch(&condition->__waiters, 1, __ATOMIC_SEQ_CST);
    int error = posix_mutex_release(mutex, &depth);
    if (error != 0) {
        leave(condition);
        return error;
    }
    bool cancelled = cancel_begin();
    kern_return_t kr = KERN_SUCCESS;
    if (!cancelled) {
        kr = trap_error(sys_futex_wait(&condition->__sequence, sequence, deadline));
        cancelled = cancel_end(kr == KERN_ABORTED);
    }
    leave(condition);
    error = posix_mutex_take_again(mutex, depth);
    if (cancelled)
        cancel_act();
    return error == 0 && kr == KERN_OPERATION_TIMED_OUT ? ETIMEDOUT : error;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return wait_until(condition, mutex, TRAP_NEVER);
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *moment)
{
    uint64_t deadline;
    const int error = posix_deadline(clock, moment, &deadline);

    return error != 0 ? error : wait_until(condition, mutex, deadline);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *moment)
{
    return pthread_cond_clockwait(condition, mutex, clock_of(condition), moment);
}

/* ---- waking ---- */

static bool nobody_waits(pthread_cond_t *condition)
{
    return (__atomic_load_n(&condition->__waiters, __ATOMIC_SEQ_CST) & ~DESTROYED) == 0;
}

static int wake(pthread_cond_t *condition, uint32_t count)
{
    if (nobody_waits(condition))
        return 0;
    __atomic_add_fetch(&condition->__sequence, 1, __ATOMIC_RELEASE);
    (void)sys_futex_wake(&condition->__sequence, count);
    return 0;
}

int pthread_cond_signal(pthread_cond_t *condition)
{
    return wake(condition, 1);
}

int pthread_cond_broadcast(pthread_cond_t *condition)
{
    return wake(condition, UINT32_MAX);
}

int pthread_cond_destroy(pthread_cond_t *condition)
{
    uint32_t seen = __atomic_or_fetch(&condition->__waiters, DESTROYED, __ATOMIC_ACQ_REL);

    while (seen != DESTROYED) {
        (void)sys_futex_wait(&condition->__waiters, seen, TRAP_NEVER);
        seen = __atomic_load_n(&condition->__waiters, __ATOMIC_ACQUIRE);
    }
    return 0;
}
