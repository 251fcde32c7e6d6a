/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes.
 *
 * __state is the futex: of a mutex that inherits priority the word of struct pi_mutex, of all others that of struct mutex (libsys/sync.h).
 * A mutex of kind 0 - normal, without a protocol, not robust - has nothing but that. The others know their owner:
 *
 * M1 __owner is the thread pointer of the one that holds it, or 0; only that one writes there, so whoever finds its own there holds it.
 * M2 Robust and priority-protected ones are in their owner's list `held`. A thread's end takes what it finds there away from it: a robust
 *    one goes to the next as KIND_DEAD, and is lost when that one does not make it consistent.
 * M3 The marks of a robust mutex in __kind are changed by who holds it.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <user/machine.h>

enum {
    KIND_TYPE = 3,
    KIND_INHERIT = 4,
    KIND_PROTECT = 8,
    KIND_ROBUST = 16,
    KIND_DEAD = 32,         /* its owner ended; the next to lock it is told */
    KIND_INCONSISTENT = 64, /* who holds it has been told */
    KIND_LOST = 128,
    DEPTH_MAX = 0x7fffffff,
};

static struct mutex *plain(pthread_mutex_t *mutex)
{
    return (struct mutex *)&mutex->__state;
}

static struct pi_mutex *inheriting(pthread_mutex_t *mutex)
{
    return (struct pi_mutex *)&mutex->__state;
}

static unsigned kind_of(const pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__kind, __ATOMIC_RELAXED);
}

static unsigned long own_pointer(void)
{
    return (unsigned long)machine_thread_pointer();
}

static bool is_mine(pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED) == own_pointer();
}

/* ---- the word ---- */

static int plain_lock(pthread_mutex_t *mutex, uint64_t deadline, bool contended)
{
    struct mutex *word = plain(mutex);

    if (!contended && mutex_try_lock(word))
        return 0;
    while (atomic_exchange_explicit(&word->state, 2, memory_order_acquire) != 0)
        if (trap_error(sys_futex_wait((const void *)&word->state, 2, deadline)) ==
            KERN_OPERATION_TIMED_OUT)
            return ETIMEDOUT;
    return 0;
}

/* Whoever locks a normal one again waits for ever. */
static int deadlock(uint64_t deadline)
{
    while (kernel_sleep_until(deadline) != KERN_SUCCESS)
        ;
    return ETIMEDOUT;
}

static int word_lock(pthread_mutex_t *mutex, uint64_t deadline, bool contended)
{
    if (kind_of(mutex) & KIND_INHERIT)
        return pi_mutex_lock_until(inheriting(mutex), deadline) == KERN_SUCCESS ? 0 : ETIMEDOUT;
    return plain_lock(mutex, deadline, contended);
}

static bool word_try_lock(pthread_mutex_t *mutex)
{
    return kind_of(mutex) & KIND_INHERIT ? pi_mutex_try_lock(inheriting(mutex))
                                         : mutex_try_lock(plain(mutex));
}

static void word_unlock(pthread_mutex_t *mutex, unsigned kind)
{
    if (kind & KIND_INHERIT)
        pi_mutex_unlock(inheriting(mutex));
    else
        mutex_unlock(plain(mutex));
}

/* ---- the list of what a thread holds (M2) ---- */

static void hold(pthread_mutex_t *mutex)
{
    struct posix_thread *self = posix_self();

    mutex->__previous = NULL;
    mutex->__next = self->held;
    if (self->held != NULL)
        self->held->__previous = mutex;
    self->held = mutex;
}

static void let_go(pthread_mutex_t *mutex)
{
    if (mutex->__previous != NULL)
        mutex->__previous->__next = mutex->__next;
    else
        posix_own.held = mutex->__next;
    if (mutex->__next != NULL)
        mutex->__next->__previous = mutex->__previous;
}

/* The caller's priority follows from its own and the ceilings of what it holds, and `besides`. */
static int lend(unsigned besides)
{
    unsigned most = posix_priority_of(posix_self()->policy, posix_own.priority);

    for (pthread_mutex_t *each = posix_own.held; each != NULL; each = each->__next) {
        const unsigned ceiling =
            kind_of(each) & KIND_PROTECT ? posix_priority_of(SCHED_FIFO, (int)each->__ceiling) : 0;

        most = ceiling > most ? ceiling : most;
    }
    return posix_priority_set(besides > most ? besides : most);
}

/* ---- locking ---- */

/* Before the word: what the kind says to a caller that holds it already (DEPTH: done), and a ceiling. */
static int enter(pthread_mutex_t *mutex, unsigned kind, bool *done)
{
    *done = false;
    if (is_mine(mutex) && (kind & KIND_TYPE) == PTHREAD_MUTEX_RECURSIVE) {
        *done = true;
        if (mutex->__depth == DEPTH_MAX)
            return EAGAIN;
        mutex->__depth++;
        return 0;
    }
    if (is_mine(mutex) && (kind & KIND_TYPE) == PTHREAD_MUTEX_ERRORCHECK)
        return EDEADLK;
    if (kind & KIND_PROTECT) {
        const unsigned ceiling = posix_priority_of(SCHED_FIFO, (int)mutex->__ceiling);

        if (posix_priority_of(posix_self()->policy, posix_own.priority) > ceiling)
            return EINVAL;
        return lend(ceiling);
    }
    return 0;
}

/* The word has not come. */
static void back_out(unsigned kind)
{
    if (kind & KIND_PROTECT)
        (void)lend(0);
}

/* The caller has the word. */
static int take(pthread_mutex_t *mutex)
{
    const unsigned kind = kind_of(mutex); /* M3: not what it was before */

    if (kind & KIND_LOST) {
        word_unlock(mutex, kind);
        back_out(kind);
        return ENOTRECOVERABLE;
    }
    __atomic_store_n(&mutex->__owner, own_pointer(), __ATOMIC_RELAXED);
    mutex->__depth = 1;
    if (kind & (KIND_ROBUST | KIND_PROTECT))
        hold(mutex);
    if (!(kind & KIND_DEAD))
        return 0;
    __atomic_store_n(&mutex->__kind, (kind & ~(unsigned)KIND_DEAD) | KIND_INCONSISTENT,
                     __ATOMIC_RELAXED);
    return EOWNERDEAD;
}

static int lock_until(pthread_mutex_t *mutex, uint64_t deadline, bool contended)
{
    const unsigned kind = kind_of(mutex);
    bool done;

    if (kind == 0)
        return plain_lock(mutex, deadline, contended);
    int error = enter(mutex, kind, &done);
    if (error != 0 || done)
        return error;
    error = is_mine(mutex) ? deadlock(deadline) : word_lock(mutex, deadline, contended);
    if (error == 0)
        return take(mutex);
    back_out(kind);
    return error;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_until(mutex, TRAP_NEVER, false);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    const unsigned kind = kind_of(mutex);
    bool done;

    if (kind == 0)
        return mutex_try_lock(plain(mutex)) ? 0 : EBUSY;
    const int error = enter(mutex, kind, &done);
    if (error != 0 || done)
        return error == EDEADLK ? EBUSY : error;
    if (word_try_lock(mutex))
        return take(mutex);
    back_out(kind);
    return EBUSY;
}

/* A mutex that can be had is locked whatever the moment says. */
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *moment)
{
    uint64_t deadline;
    int error = pthread_mutex_trylock(mutex);

    if (error != EBUSY)
        return error;
    error = posix_deadline(clock, moment, &deadline);
    return error != 0 ? error : lock_until(mutex, deadline, false);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *moment)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, moment);
}

/* ---- unlocking ---- */

static void give_up(pthread_mutex_t *mutex, unsigned kind)
{
    if (kind & (KIND_ROBUST | KIND_PROTECT))
        let_go(mutex);
    __atomic_store_n(&mutex->__owner, 0, __ATOMIC_RELAXED);
    word_unlock(mutex, kind);
    if (kind & KIND_PROTECT)
        (void)lend(0);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    unsigned kind = kind_of(mutex);

    if (kind == 0) {
        mutex_unlock(plain(mutex));
        return 0;
    }
    if (!is_mine(mutex))
        return EPERM;
    if (--mutex->__depth > 0)
        return 0;
    if (kind & KIND_INCONSISTENT) {
        kind = (kind & ~(unsigned)KIND_INCONSISTENT) | KIND_LOST;
        __atomic_store_n(&mutex->__kind, kind, __ATOMIC_RELAXED);
    }
    give_up(mutex, kind);
    return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *mutex)
{
    const unsigned kind = kind_of(mutex);

    if (!(kind & KIND_INCONSISTENT) || !is_mine(mutex))
        return EINVAL;
    __atomic_store_n(&mutex->__kind, kind & ~(unsigned)KIND_INCONSISTENT, __ATOMIC_RELAXED);
    return 0;
}

void posix_mutexes_end(struct posix_thread *self)
{
    while (self->held != NULL) {
        pthread_mutex_t *mutex = self->held;
        unsigned kind = kind_of(mutex);

        if (!(kind & KIND_ROBUST)) { /* it stays locked for ever */
            let_go(mutex);
            continue;
        }
        kind = (kind & ~(unsigned)KIND_INCONSISTENT) | KIND_DEAD;
        __atomic_store_n(&mutex->__kind, kind, __ATOMIC_RELAXED);
        give_up(mutex, kind);
    }
}

/* ---- for conditions ---- */

/* A recursive mutex is given up however deep it is held. */
int posix_mutex_release(pthread_mutex_t *mutex, unsigned *depth)
{
    *depth = 1;
    if (kind_of(mutex) != 0 && is_mine(mutex)) {
        *depth = mutex->__depth;
        mutex->__depth = 1;
    }
    return pthread_mutex_unlock(mutex);
}

int posix_mutex_take_again(pthread_mutex_t *mutex, unsigned depth)
{
    const int error = lock_until(mutex, TRAP_NEVER, true);

    if (kind_of(mutex) != 0 && is_mine(mutex))
        mutex->__depth = depth;
    return error;
}

/* ---- making ---- */

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    static const unsigned char protocols[] = {0, KIND_INHERIT, KIND_PROTECT};

    *mutex = (pthread_mutex_t){0};
    if (attributes != NULL) {
        mutex->__kind = attributes->__type | protocols[attributes->__protocol] |
                        (attributes->__robust == PTHREAD_MUTEX_ROBUST ? KIND_ROBUST : 0);
        mutex->__ceiling = (unsigned)attributes->__ceiling;
    }
    return 0;
}

/* A lost one may be destroyed. */
int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__state, __ATOMIC_ACQUIRE) == 0 ? 0 : EBUSY;
}

int pthread_mutex_getprioceiling(const pthread_mutex_t *mutex, int *ceiling)
{
    if (!(kind_of(mutex) & KIND_PROTECT))
        return EINVAL;
    *ceiling = (int)mutex->__ceiling;
    return 0;
}

/* Locked meanwhile, without regard to the ceiling. */
int pthread_mutex_setprioceiling(pthread_mutex_t *mutex, int ceiling, int *before)
{
    if (!(kind_of(mutex) & KIND_PROTECT) || ceiling < 1 || ceiling > POSIX_PRIORITY_MAX)
        return EINVAL;
    const bool mine = is_mine(mutex);

    if (!mine)
        (void)plain_lock(mutex, TRAP_NEVER, false);
    if (before != NULL)
        *before = (int)mutex->__ceiling;
    mutex->__ceiling = (unsigned)ceiling;
    if (mine)
        return lend(0);
    word_unlock(mutex, kind_of(mutex));
    return 0;
}
