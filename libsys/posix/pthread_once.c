/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done once. A function that is cancelled has not been called.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/trap.h>

enum { NOT_DONE, BEING_DONE, DONE };

static _Atomic uint32_t *word_of(pthread_once_t *once)
{
    return (_Atomic uint32_t *)&once->__state;
}

static void undo(void *once)
{
    word_set(word_of(once), NOT_DONE);
}

static void call(pthread_once_t *once, void (*function)(void))
{
    pthread_cleanup_push(undo, once);
    function();
    pthread_cleanup_pop(0);
    word_set(word_of(once), DONE);
}

int pthread_once(pthread_once_t *once, void (*function)(void))
{
    for (;;) {
        uint32_t seen = NOT_DONE;

        if (atomic_load_explicit(word_of(once), memory_order_acquire) == DONE)
            return 0;
        if (atomic_compare_exchange_strong_explicit(word_of(once), &seen, BEING_DONE,
                                                    memory_order_acquire, memory_order_acquire)) {
            call(once, function);
            return 0;
        }
        if (seen > DONE)
            return EINVAL;
        word_wait_while(word_of(once), BEING_DONE);
    }
}
