/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks. Who spins for long gives its turn away, and then sleeps for moments: the holder may be less urgent, on the same CPU.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <user/machine.h>

enum { SPINS = 100, YIELDS = 100, NAP = 100000 /* ns */ };

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    *lock = 0;
    return posix_shared_error(shared);
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    return __atomic_load_n(lock, __ATOMIC_ACQUIRE) == 0 ? 0 : EBUSY;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    return __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) == 0 ? 0 : EBUSY;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
    for (unsigned round = 0; pthread_spin_trylock(lock) != 0; round++) {
        if (round < SPINS)
            machine_relax();
        else if (round < SPINS + YIELDS)
            (void)sys_thread_switch();
        else
            (void)kernel_sleep_until(kernel_clock_now() + NAP);
    }
    return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
    return 0;
}
