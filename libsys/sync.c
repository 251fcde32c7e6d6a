/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes, barriers and waiting for a word.
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

void mutex_lock(struct mutex *mutex)
{
    if (mutex_try_lock(mutex))
        return;
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0)
        (void)sys_futex_wait((const void *)&mutex->state, 2, TRAP_NEVER);
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
