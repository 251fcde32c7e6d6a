/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether and when the caller may be cancelled. newlib's streams ask for it, so it is in nearly every program: nothing else of threads
 * may come with it.
 */
#include "cancel.h"
#include "pthread_impl.h"

int pthread_setcancelstate(int state, int *before)
{
    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    const uint32_t seen = state == PTHREAD_CANCEL_DISABLE
                              ? atomic_fetch_or(&posix_own.cancel, CANCEL_DISABLED)
                              : atomic_fetch_and(&posix_own.cancel, ~(uint32_t)CANCEL_DISABLED);
    if (before != NULL)
        *before = seen & CANCEL_DISABLED ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    if (atomic_load(&posix_own.cancel) & CANCEL_ASYNCHRONOUS)
        cancel_test();
    return 0;
}

int pthread_setcanceltype(int type, int *before)
{
    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    const uint32_t seen = type == PTHREAD_CANCEL_ASYNCHRONOUS
                              ? atomic_fetch_or(&posix_own.cancel, CANCEL_ASYNCHRONOUS)
                              : atomic_fetch_and(&posix_own.cancel, ~(uint32_t)CANCEL_ASYNCHRONOUS);
    if (before != NULL)
        *before =
            seen & CANCEL_ASYNCHRONOUS ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED;
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
        cancel_test();
    return 0;
}
