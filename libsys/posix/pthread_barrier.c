/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Barriers. The last to arrive counts the round and lets the others go. __inside counts those that have not left pthread_barrier_wait();
 * destroying waits for 0, because one may destroy a barrier as soon as its own wait is over. The top bit there says that somebody
 * destroys.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/trap.h>

#define DESTROYED 0x80000000u /* of __inside */

int pthread_barrierattr_init(pthread_barrierattr_t *attributes)
{
    *attributes = (pthread_barrierattr_t){0};
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_barrierattr_getpshared(const pthread_barrierattr_t *attributes, int *shared)
{
    (void)attributes;
    *shared = PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int pthread_barrierattr_setpshared(pthread_barrierattr_t *attributes, int shared)
{
    (void)attributes;
    return posix_shared_error(shared);
}

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes,
                         unsigned count)
{
    (void)attributes;
    if (count == 0 || count >= DESTROYED)
        return EINVAL;
    *barrier = (pthread_barrier_t){.__count = count};
    return 0;
}

/* Somebody who waits for others still makes it busy; those that are let go are waited for. */
int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    if (__atomic_load_n(&barrier->__arrived, __ATOMIC_ACQUIRE) != 0)
        return EBUSY;
    uint32_t seen = __atomic_or_fetch(&barrier->__inside, DESTROYED, __ATOMIC_ACQ_REL);
    while (seen != DESTROYED) {
        (void)sys_futex_wait(&barrier->__inside, seen, TRAP_NEVER);
        seen = __atomic_load_n(&barrier->__inside, __ATOMIC_ACQUIRE);
    }
    return 0;
}

static void leave(pthread_barrier_t *barrier)
{
    if (__atomic_sub_fetch(&barrier->__inside, 1, __ATOMIC_ACQ_REL) == DESTROYED)
        (void)sys_futex_wake(&barrier->__inside, UINT32_MAX);
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    int result = 0;

    __atomic_add_fetch(&barrier->__inside, 1, __ATOMIC_ACQUIRE);
    const uint32_t round = __atomic_load_n(&barrier->__round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&barrier->__arrived, 1, __ATOMIC_ACQ_REL) < barrier->__count) {
        word_wait_while((_Atomic uint32_t *)&barrier->__round, round);
    } else {
        __atomic_store_n(&barrier->__arrived, 0, __ATOMIC_RELAXED);
        word_set((_Atomic uint32_t *)&barrier->__round, round + 1);
        result = PTHREAD_BARRIER_SERIAL_THREAD;
    }
    leave(barrier);
    return result;
}
