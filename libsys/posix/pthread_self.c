/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller. The first thread, and those that libsys started without POSIX, get their number when somebody asks for it.
 */
#include "pthread_impl.h"
#include <libsys/trap.h>

/* A thread that cannot have a number has 0, and asks again the next time. */
static void fill(void)
{
    const int64_t port = sys_thread_self();

    posix_own.native.alive = 1;
    posix_own.port = port > 0 ? (uint32_t)port : MSG_NULL;
    mutex_lock(&posix_threads);
    (void)posix_table_add(&posix_own);
    mutex_unlock(&posix_threads);
}

struct posix_thread *posix_self(void)
{
    if (posix_own.id == 0)
        fill();
    return &posix_own;
}

pthread_t pthread_self(void)
{
    return posix_self()->id;
}

int pthread_equal(pthread_t one, pthread_t other)
{
    return one == other;
}
