/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores of one process. The value is the lower half of the word, and a futex; the upper counts those that wait. Both change in one step, so
 * that sem_post() need not touch the semaphore again once its unit may have been taken: whoever took it may destroy the semaphore.
 */
#include "cancel.h"
#include "pthread_impl.h"
#include "signals.h"
#include <errno.h>
#include <libsys/trap.h>
#include <semaphore.h>

#define WAITER (UINT64_C(1) << 32)

static uint32_t value_of(uint64_t state)
{
    return (uint32_t)state;
}

static int fails(int error)
{
    errno = error;
    return -1;
}

int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX)
        return fails(EINVAL);
    if (shared != 0)
        return fails(ENOSYS);
    semaphore->__state = value;
    return 0;
}

int sem_destroy(sem_t *semaphore)
{
    return __atomic_load_n(&semaphore->__state, __ATOMIC_ACQUIRE) >= WAITER ? fails(EBUSY) : 0;
}

int sem_getvalue(sem_t *semaphore, int *value)
{
    *value = (int)value_of(__atomic_load_n(&semaphore->__state, __ATOMIC_RELAXED));
    return 0;
}

int sem_post(sem_t *semaphore)
{
    uint64_t seen = __atomic_load_n(&semaphore->__state, __ATOMIC_RELAXED);

    do
        if (value_of(seen) == SEM_VALUE_MAX)
            return fails(EOVERFLOW);
    while (!__atomic_compare_exchange_n(&semaphore->__state, &seen, seen + 1, true,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (seen >= WAITER)
        (void)sys_futex_wake(&semaphore->__state, 1);
    return 0;
}

/* Takes a unit; change: what else is added to the state then. */
static bool take(sem_t *semaphore, uint64_t change)
{
    uint64_t seen = __atomic_load_n(&semaphore->__state, __ATOMIC_RELAXED);

    while (value_of(seen) > 0)
        if (__atomic_compare_exchange_n(&semaphore->__state, &seen, seen - 1 + change, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    return false;
}

int sem_trywait(sem_t *semaphore)
{
    return take(semaphore, 0) ? 0 : fails(EAGAIN);
}

/* Gives up: a wake that came all the same is another's. */
static void leave(sem_t *semaphore)
{
    const uint64_t state = __atomic_sub_fetch(&semaphore->__state, WAITER, __ATOMIC_ACQ_REL);

    if (state >= WAITER && value_of(state) > 0)
        (void)sys_futex_wake(&semaphore->__state, 1);
}

static uint32_t handlers(void)
{
    return signals_handled_ending != NULL ? signals_handled_ending() : 0;
}

/* EINTR: a handler without SA_RESTART, or it is cancelled. */
static int wait_until(sem_t *semaphore, uint64_t deadline, bool *cancelled)
{
    const uint32_t before = handlers();
    int error = 0;

    __atomic_add_fetch(&semaphore->__state, WAITER, __ATOMIC_ACQ_REL);
    while (error == 0 && !take(semaphore, -WAITER)) {
        kern_return_t kr = KERN_SUCCESS;

        *cancelled = cancel_begin();
        if (!*cancelled) {
            kr = trap_error(sys_futex_wait(&semaphore->__state, 0, deadline));
            *cancelled = cancel_end(kr == KERN_ABORTED);
        }
        error = kr == KERN_OPERATION_TIMED_OUT       ? ETIMEDOUT
                : *cancelled || handlers() != before ? EINTR
                                                     : 0;
    }
    if (error != 0)
        leave(semaphore);
    return error;
}

static int wait(sem_t *semaphore, uint64_t deadline)
{
    bool cancelled = false;
    const int error = wait_until(semaphore, deadline, &cancelled);

    if (cancelled)
        cancel_act();
    return error == 0 ? 0 : fails(error);
}

int sem_wait(sem_t *semaphore)
{
    cancel_test();
    return take(semaphore, 0) ? 0 : wait(semaphore, TRAP_NEVER);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *moment)
{
    uint64_t deadline;

    cancel_test();
    if (take(semaphore, 0))
        return 0;
    const int error = posix_deadline(clock, moment, &deadline);
    return error != 0 ? fails(error) : wait(semaphore, deadline);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *moment)
{
    return sem_clockwait(semaphore, CLOCK_REALTIME, moment);
}
