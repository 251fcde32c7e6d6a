/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleanup handlers, a list that the thread alone touches. Their records lie on the stack (<pthread.h>).
 */
#include "pthread_impl.h"

void __pthread_cleanup_push(struct __pthread_cleanup *handler)
{
    handler->__next = posix_own.handlers;
    posix_own.handlers = handler;
}

void __pthread_cleanup_pop(struct __pthread_cleanup *handler, int execute)
{
    posix_own.handlers = handler->__next;
    if (execute != 0)
        handler->__function(handler->__argument);
}
