/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes, conditions and barriers between the threads of a task, on futexes. No kernel entry while
 * there is no contention. All structures are ready when zero, but for a barrier's count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>

struct mutex {
    _Atomic uint32_t state; /* 0 free, 1 held, 2 held and somebody may wait */
};

void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/** One that its owner may lock again; it is free after as many unlocks. */
struct recursive_mutex {
    struct mutex mutex;
    uint32_t depth;          /* guarded by mutex */
    _Atomic uintptr_t owner; /* written by the owner; thread pointer, or 0 */
};

void recursive_mutex_lock(struct recursive_mutex *mutex);
bool recursive_mutex_try_lock(struct recursive_mutex *mutex);
void recursive_mutex_unlock(struct recursive_mutex *mutex);

/** One whose holder is at least as urgent as those that wait for it, and that the most urgent of them gets
 *  first. The kernel knows the holder by the name of its thread's port (wharf/trap.h, 19). */
struct pi_mutex {
    _Atomic uint32_t state; /* 0: free; else the holder's name, and PI_MUTEX_WAITERS if somebody may
                               wait */
};
#define PI_MUTEX_WAITERS UINT32_C(0x80000000)

/** KERN_INVALID_ARGUMENT: the caller holds it already. */
kern_return_t pi_mutex_lock(struct pi_mutex *mutex);
/** The same, or KERN_OPERATION_TIMED_OUT. */
kern_return_t pi_mutex_lock_until(struct pi_mutex *mutex, uint64_t deadline);
bool pi_mutex_try_lock(struct pi_mutex *mutex);
void pi_mutex_unlock(struct pi_mutex *mutex);

/**
 * To wait, with a mutex held, for what others change under the same mutex; always that one. Who signals
 * holds it, too: nobody is woken to find it taken, but waits for it from then on. As everywhere, a
 * wait may end without a reason.
 */
struct condition {
    _Atomic uint32_t sequence; /* of signals; a futex. Changed with the mutex held */
    uint32_t waiters;          /* guarded by the mutex */
};

/** Let go of the mutex, wait, take it again. KERN_OPERATION_TIMED_OUT: the deadline passed; the mutex is
 *  held all the same. */
kern_return_t condition_wait(struct condition *condition, struct mutex *mutex, uint64_t deadline);
/** One of those that wait goes on. */
void condition_signal(struct condition *condition, struct mutex *mutex);
void condition_broadcast(struct condition *condition, struct mutex *mutex);

kern_return_t pi_condition_wait(struct condition *condition, struct pi_mutex *mutex,
                                uint64_t deadline);
void pi_condition_signal(struct condition *condition, struct pi_mutex *mutex);
void pi_condition_broadcast(struct condition *condition, struct pi_mutex *mutex);

struct barrier {
    uint32_t count; /* threads that meet; constant */
    _Atomic uint32_t arrived;
    _Atomic uint32_t round; /* counts the meetings; a futex */
};

void barrier_wait(struct barrier *barrier);

/** Sleep until *word is not `value` any more. */
void word_wait_while(_Atomic uint32_t *word, uint32_t value);
/** Store and wake everybody who waits. */
void word_set(_Atomic uint32_t *word, uint32_t value);
