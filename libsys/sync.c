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

void mutex_lock(struct mutex *mutex)
{
    uint32_t seen = 0;

    if (atomic_compare_exchange_strong_explicit(&mutex->state, &seen, 1, memory_order_acquire,
                                                memory_order_relaxed))
        return;
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0)
        (void)sys_futex_wait((const void *)&mutex->state, 2, TRAP_NEVER);
}

void mutex_unlock(struct mutex *mutex)
{
    if (atomic_exchange_explicit(&mutex->state, 0, memory_order_release) == 2)
        (void)sys_futex_wake((const void *)&mutex->state, 1);
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
