/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes and barriers between the threads of a task, on futexes. No kernel entry while there is
 * no contention. All structures are ready when zero, but for a barrier's count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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
