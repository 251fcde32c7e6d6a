/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes, conditions, barriers and waiting for a word.
 *
 * The results of futex_wait are looked at by looking at the word again: whether it slept, was woken
 * or found the word changed makes no difference to these loops.
 */
#include <libsys/sync.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/machine.h>

void word_wait_while(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) == value)
        (void)sys_futex_wait((const void *)word, value, TRAP_NEVER);
}

void word_set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
    (void)sys_futex_wake((const void *)word, UINT32_MAX);
}

bool mutex_try_lock(struct mutex *mutex)
{
    uint32_t seen = 0;

    return atomic_compare_exchange_strong_explicit(&mutex->state, &seen, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* For one who may have been moved to its queue: others may stand behind, who must not be forgotten. */
static void mutex_lock_contended(struct mutex *mutex)
{
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0)
        (void)sys_futex_wait((const void *)&mutex->state, 2, TRAP_NEVER);
}

void mutex_lock(struct mutex *mutex)
{
    if (!mutex_try_lock(mutex))
        mutex_lock_contended(mutex);
}

void mutex_unlock(struct mutex *mutex)
{
    if (atomic_exchange_explicit(&mutex->state, 0, memory_order_release) == 2)
        (void)sys_futex_wake((const void *)&mutex->state, 1);
}

/* Only the owner itself can find its own name there, so the order of that load does not matter. */
static bool is_mine(struct recursive_mutex *mutex)
{
    return atomic_load_explicit(&mutex->owner, memory_order_relaxed) ==
           (uintptr_t)machine_thread_pointer();
}

static void enter(struct recursive_mutex *mutex)
{
    atomic_store_explicit(&mutex->owner, (uintptr_t)machine_thread_pointer(), memory_order_relaxed);
    mutex->depth = 1;
}

void recursive_mutex_lock(struct recursive_mutex *mutex)
{
    if (is_mine(mutex)) {
        mutex->depth++;
        return;
    }
    mutex_lock(&mutex->mutex);
    enter(mutex);
}

bool recursive_mutex_try_lock(struct recursive_mutex *mutex)
{
    if (is_mine(mutex)) {
        mutex->depth++;
        return true;
    }
    if (!mutex_try_lock(&mutex->mutex))
        return false;
    enter(mutex);
    return true;
}

void recursive_mutex_unlock(struct recursive_mutex *mutex)
{
    if (--mutex->depth > 0)
        return;
    atomic_store_explicit(&mutex->owner, 0, memory_order_relaxed);
    mutex_unlock(&mutex->mutex);
}

/* ---- the mutex with an owner ---- */

/* Index 0 is no name of anybody: who has none that fits beside PI_MUTEX_WAITERS goes by this, and
 * nothing is lent to it. */
enum { NAMELESS = 0xffff };

static uint32_t own_name(void)
{
    static _Thread_local uint32_t name;

    if (name == 0) {
        int64_t self = sys_thread_self();
        name = self > 0 && self < PI_MUTEX_WAITERS ? (uint32_t)self : NAMELESS;
    }
    return name;
}

static bool pi_take(struct pi_mutex *mutex, uint32_t seen, uint32_t wanted)
{
    return atomic_compare_exchange_strong_explicit(&mutex->state, &seen, wanted,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* One attempt: take it, or see to it that the holder knows of a waiter, and wait. The word that the kernel
 * compares holds both the owner and the mark, so that neither can be out of date when we sleep. */
static kern_return_t pi_attempt(struct pi_mutex *mutex, uint64_t deadline, bool *taken)
{
    uint32_t seen = atomic_load_explicit(&mutex->state, memory_order_relaxed);
    uint32_t owner = seen & ~PI_MUTEX_WAITERS;

    *taken = seen == 0 && pi_take(mutex, 0, own_name() | PI_MUTEX_WAITERS);
    if (seen == 0)
        return KERN_SUCCESS;
    if (owner == own_name() && owner != NAMELESS)
        return KERN_INVALID_ARGUMENT;
    if (seen == owner && !pi_take(mutex, seen, seen | PI_MUTEX_WAITERS))
        return KERN_SUCCESS;
    return trap_error(
        sys_futex_wait_pi((const void *)&mutex->state, owner | PI_MUTEX_WAITERS, deadline, owner));
}

/* The others may wait for it, too, so it is taken with the mark. */
static kern_return_t pi_lock_contended(struct pi_mutex *mutex, uint64_t deadline)
{
    bool taken = false;
    kern_return_t kr = KERN_SUCCESS;

    while (!taken && kr != KERN_OPERATION_TIMED_OUT && kr != KERN_INVALID_ARGUMENT)
        kr = pi_attempt(mutex, deadline, &taken);
    return taken ? KERN_SUCCESS : kr;
}

bool pi_mutex_try_lock(struct pi_mutex *mutex)
{
    return pi_take(mutex, 0, own_name());
}

kern_return_t pi_mutex_lock_until(struct pi_mutex *mutex, uint64_t deadline)
{
    return pi_mutex_try_lock(mutex) ? KERN_SUCCESS : pi_lock_contended(mutex, deadline);
}

kern_return_t pi_mutex_lock(struct pi_mutex *mutex)
{
    return pi_mutex_lock_until(mutex, TRAP_NEVER);
}

void pi_mutex_unlock(struct pi_mutex *mutex)
{
    if (atomic_exchange_explicit(&mutex->state, 0, memory_order_release) & PI_MUTEX_WAITERS)
        (void)sys_futex_wake_pi((const void *)&mutex->state);
}

/* ---- conditions ---- */

/* The mutex is held until after the look at the sequence: a signal that comes later changes it. */
static uint32_t prepare_wait(struct condition *condition)
{
    condition->waiters++;
    return atomic_load_explicit(&condition->sequence, memory_order_relaxed);
}

/* The result of the wait, of which only the deadline matters. */
static kern_return_t wait_result(int64_t result)
{
    return trap_error(result) == KERN_OPERATION_TIMED_OUT ? KERN_OPERATION_TIMED_OUT : KERN_SUCCESS;
}

static uint32_t next_sequence(struct condition *condition)
{
    return atomic_fetch_add_explicit(&condition->sequence, 1, memory_order_relaxed) + 1;
}

kern_return_t condition_wait(struct condition *condition, struct mutex *mutex, uint64_t deadline)
{
    uint32_t sequence = prepare_wait(condition);

    mutex_unlock(mutex);
    int64_t result = sys_futex_wait((const void *)&condition->sequence, sequence, deadline);
    mutex_lock_contended(mutex);
    condition->waiters--;
    return wait_result(result);
}

/* The kernel looks at the sequence, and may find its page gone in that moment, or be interrupted while it fetches it: then those
 * who wait are woken to stand at the mutex by themselves. That takes no look. */
static void check_moved(int64_t result, struct condition *condition, uint32_t count)
{
    if (trap_error(result) != KERN_SUCCESS)
        (void)sys_futex_wake((const void *)&condition->sequence, count);
}

static void requeue(struct condition *condition, struct mutex *mutex, uint32_t count)
{
    if (condition->waiters == 0)
        return;
    atomic_store_explicit(&mutex->state, 2, memory_order_relaxed); /* somebody waits from now on */
    check_moved(sys_futex_requeue((const void *)&condition->sequence, 0, next_sequence(condition),
                                  (const void *)&mutex->state, count),
                condition, count);
}

void condition_signal(struct condition *condition, struct mutex *mutex)
{
    requeue(condition, mutex, 1);
}

void condition_broadcast(struct condition *condition, struct mutex *mutex)
{
    requeue(condition, mutex, UINT32_MAX);
}

kern_return_t pi_condition_wait(struct condition *condition, struct pi_mutex *mutex,
                                uint64_t deadline)
{
    uint32_t sequence = prepare_wait(condition);

    pi_mutex_unlock(mutex);
    int64_t result = sys_futex_wait((const void *)&condition->sequence, sequence, deadline);
    /* Without a deadline it fails for those only who hold it. */
    kern_return_t kr = pi_lock_contended(mutex, TRAP_NEVER);
    condition->waiters--;
    return kr == KERN_SUCCESS ? wait_result(result) : kr;
}

static void pi_requeue(struct condition *condition, struct pi_mutex *mutex, uint32_t count)
{
    if (condition->waiters == 0)
        return;
    atomic_store_explicit(&mutex->state, own_name() | PI_MUTEX_WAITERS, memory_order_relaxed);
    check_moved(sys_futex_requeue_pi((const void *)&condition->sequence, 0,
                                     next_sequence(condition), (const void *)&mutex->state, count,
                                     own_name()),
                condition, count);
}

void pi_condition_signal(struct condition *condition, struct pi_mutex *mutex)
{
    pi_requeue(condition, mutex, 1);
}

void pi_condition_broadcast(struct condition *condition, struct pi_mutex *mutex)
{
    pi_requeue(condition, mutex, UINT32_MAX);
}

void barrier_wait(struct barrier *barrier)
{
    uint32_t round = atomic_load_explicit(&barrier->round, memory_order_acquire);

    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 <
        barrier->count) {
        word_wait_while(&barrier->round, round);
        return;
    }
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    word_set(&barrier->round, round + 1);
}
