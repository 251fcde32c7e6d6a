/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's locks: some that it names, and one for each open stream, which it makes itself. All are
 * recursive mutexes, also where it does not need that.
 */
#include "../posix/process.h"
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/lock.h>
#include <sys/reent.h>

struct __lock {
    struct recursive_mutex mutex;
};

struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

enum { FIRST_STREAMS = 3 };

/* Of the standard streams, which are the first to be made: they work without malloc(). */
static struct __lock first[FIRST_STREAMS];
static _Atomic unsigned made;
/* For streams of whose locks nobody could be told that there is no memory. */
static struct __lock shared;

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    unsigned number = atomic_load(&made);

    while (number < FIRST_STREAMS && !atomic_compare_exchange_weak(&made, &number, number + 1))
        ;
    if (number < FIRST_STREAMS)
        *lock = &first[number];
    else
        *lock = calloc(1, sizeof(**lock));
    if (*lock == NULL)
        *lock = &shared;
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    if (lock != &shared && (lock < first || lock >= first + FIRST_STREAMS))
        free(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    recursive_mutex_lock(&lock->mutex);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    return recursive_mutex_try_lock(&lock->mutex);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    recursive_mutex_unlock(&lock->mutex);
}

void __retarget_lock_init(_LOCK_T *lock)
{
    __retarget_lock_init_recursive(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    __retarget_lock_close_recursive(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    __retarget_lock_release_recursive(lock);
}

/* It stands here because whoever has made newlib keep memory for a thread has used its locks. */
void thread_reclaim(void)
{
    _reclaim_reent(_REENT);
}

/* ---- fork ---- */

/* In the order in which they are taken inside one another. The owner has the same thread pointer in the child. */
static struct __lock *const held[] = {
    &__lock___atexit_recursive_mutex,
    &__lock___at_quick_exit_mutex,
    &__lock___sfp_recursive_mutex,
    &__lock___env_recursive_mutex,
    &__lock___tz_mutex,
    &__lock___dd_hash_mutex,
    &__lock___arc4random_mutex,
    &__lock___malloc_recursive_mutex,
};

void locks_hold(void)
{
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        recursive_mutex_lock(&held[i]->mutex);
}

void locks_release(bool child)
{
    (void)child;
    for (size_t i = sizeof(held) / sizeof(held[0]); i-- > 0;)
        recursive_mutex_unlock(&held[i]->mutex);
}
