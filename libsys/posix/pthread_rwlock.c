/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of many readers or one writer. All members are guarded by __lock, which is held for a few instructions only.
 *
 * R1 __writer is the thread pointer of the one that writes; __readers counts those that read; one of them is 0.
 * R2 Readers wait while somebody writes, or a writer waits: writers do not starve. A thread that holds any such lock for reading gets in all
 *    the same: it could hold this one, and would wait for itself. One with a real-time policy waits for writers of its priority and
 *    above only.
 * R3 Who waits sleeps on the number of a turn, read with the lock held, and looks again when it has changed.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/trap.h>
#include <user/machine.h>

static void enter(pthread_rwlock_t *lock)
{
    mutex_lock((struct mutex *)&lock->__lock);
}

static void leave(pthread_rwlock_t *lock)
{
    mutex_unlock((struct mutex *)&lock->__lock);
}

static unsigned long own_pointer(void)
{
    return (unsigned long)machine_thread_pointer();
}

/* ---- attributes, making ---- */

int pthread_rwlockattr_init(pthread_rwlockattr_t *attributes)
{
    *attributes = (pthread_rwlockattr_t){0};
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *attributes, int *shared)
{
    (void)attributes;
    *shared = PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *attributes, int shared)
{
    (void)attributes;
    return posix_shared_error(shared);
}

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    *lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    enter(lock);
    const bool busy = lock->__readers != 0 || lock->__writer != 0 || lock->__readers_wait != 0 ||
                      lock->__writers_wait != 0;
    leave(lock);
    return busy ? EBUSY : 0;
}

/* ---- waiting; the lock is held, and held again afterwards ---- */

static int wait_turn(pthread_rwlock_t *lock, unsigned *turn, unsigned *waiting, uint64_t deadline)
{
    const uint32_t seen = *turn;

    ++*waiting;
    leave(lock);
    const kern_return_t kr = trap_error(sys_futex_wait(turn, seen, deadline));
    enter(lock);
    --*waiting;
    return kr == KERN_OPERATION_TIMED_OUT ? ETIMEDOUT : 0;
}

/* ---- reading ---- */

static bool may_read(const pthread_rwlock_t *lock, const struct posix_thread *self)
{
    if (lock->__writer != 0)
        return false;
    if (lock->__writers_wait == 0 || self->read_locks > 0)
        return true;
    return self->policy != SCHED_OTHER && (int)lock->__writers_priority < self->priority;
}

static int read_until(pthread_rwlock_t *lock, uint64_t deadline, bool wait)
{
    struct posix_thread *self = &posix_own;
    int error = 0;

    enter(lock);
    if (lock->__writer == own_pointer())
        error = EDEADLK;
    while (error == 0 && !may_read(lock, self))
        error = wait ? wait_turn(lock, &lock->__read_turn, &lock->__readers_wait, deadline) : EBUSY;
    if (error == ETIMEDOUT && may_read(lock, self))
        error = 0;
    if (error == 0) {
        lock->__readers++;
        self->read_locks++;
    }
    leave(lock);
    return error;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return read_until(lock, TRAP_NEVER, true);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    const int error = read_until(lock, 0, false);
    return error == EDEADLK ? EBUSY : error;
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
                               const struct timespec *moment)
{
    uint64_t deadline;
    int error = read_until(lock, 0, false);

    if (error != EBUSY)
        return error;
    error = posix_deadline(clock, moment, &deadline);
    return error != 0 ? error : read_until(lock, deadline, true);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *moment)
{
    return pthread_rwlock_clockrdlock(lock, CLOCK_REALTIME, moment);
}

/* ---- writing ---- */

/* The most urgent of the writers that wait; it is known to be nobody when none does. */
static void wait_to_write(pthread_rwlock_t *lock)
{
    const unsigned own = (unsigned)posix_own.priority;

    if (lock->__writers_wait == 0 || lock->__writers_priority < own)
        lock->__writers_priority = own;
}

/* A writer that gives up may have been what readers wait for. */
static void stop_waiting(pthread_rwlock_t *lock)
{
    if (lock->__writers_wait != 0 || lock->__readers_wait == 0)
        return;
    lock->__read_turn++;
    (void)sys_futex_wake(&lock->__read_turn, UINT32_MAX);
}

static int write_until(pthread_rwlock_t *lock, uint64_t deadline, bool wait)
{
    int error = 0;

    enter(lock);
    if (lock->__writer == own_pointer())
        error = EDEADLK;
    while (error == 0 && (lock->__writer != 0 || lock->__readers != 0)) {
        if (wait)
            wait_to_write(lock);
        error =
            wait ? wait_turn(lock, &lock->__write_turn, &lock->__writers_wait, deadline) : EBUSY;
    }
    if (error == ETIMEDOUT && lock->__writer == 0 && lock->__readers == 0)
        error = 0;
    if (error == 0)
        lock->__writer = own_pointer();
    else if (error == ETIMEDOUT)
        stop_waiting(lock);
    leave(lock);
    return error;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return write_until(lock, TRAP_NEVER, true);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    const int error = write_until(lock, 0, false);
    return error == EDEADLK ? EBUSY : error;
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
                               const struct timespec *moment)
{
    uint64_t deadline;
    int error = write_until(lock, 0, false);

    if (error != EBUSY)
        return error;
    error = posix_deadline(clock, moment, &deadline);
    return error != 0 ? error : write_until(lock, deadline, true);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *moment)
{
    return pthread_rwlock_clockwrlock(lock, CLOCK_REALTIME, moment);
}

/* ---- unlocking ---- */

/* A writer that waits comes first; it is woken alone. What wakes does not touch the lock: it may be gone. */
int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    unsigned *turn = NULL;
    uint32_t count = 1;

    enter(lock);
    if (lock->__writer == own_pointer()) {
        lock->__writer = 0;
    } else if (lock->__readers > 0) {
        lock->__readers--;
        if (posix_own.read_locks > 0)
            posix_own.read_locks--;
    } else {
        leave(lock);
        return EPERM;
    }
    if (lock->__readers == 0 && lock->__writers_wait > 0) {
        turn = &lock->__write_turn;
    } else if (lock->__readers == 0 && lock->__readers_wait > 0) {
        turn = &lock->__read_turn;
        count = UINT32_MAX;
    }
    if (turn != NULL)
        ++*turn;
    leave(lock);
    if (turn != NULL)
        (void)sys_futex_wake(turn, count);
    return 0;
}
