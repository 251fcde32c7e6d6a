/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of threads. What is set is checked here; pthread_create() relies on it.
 */
#include "pthread_impl.h"
#include <errno.h>

enum { STACK_ALIGN = 16 };

int pthread_attr_init(pthread_attr_t *attributes)
{
    *attributes =
        (pthread_attr_t){.__stack_size = POSIX_STACK_SIZE, .__guard_size = POSIX_GUARD_SIZE};
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attributes, int *state)
{
    *state = (int)attributes->__detach;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attributes, int state)
{
    if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED)
        return EINVAL;
    attributes->__detach = (unsigned)state;
    return 0;
}

int pthread_attr_getscope(const pthread_attr_t *attributes, int *scope)
{
    *scope = (int)attributes->__scope;
    return 0;
}

/* All threads of the machine compete with each other. */
int pthread_attr_setscope(pthread_attr_t *attributes, int scope)
{
    (void)attributes;
    return scope == PTHREAD_SCOPE_SYSTEM ? 0 : scope == PTHREAD_SCOPE_PROCESS ? ENOTSUP : EINVAL;
}

int pthread_attr_getinheritsched(const pthread_attr_t *attributes, int *inherit)
{
    *inherit = (int)attributes->__inherit;
    return 0;
}

int pthread_attr_setinheritsched(pthread_attr_t *attributes, int inherit)
{
    if (inherit != PTHREAD_INHERIT_SCHED && inherit != PTHREAD_EXPLICIT_SCHED)
        return EINVAL;
    attributes->__inherit = (unsigned)inherit;
    return 0;
}

int pthread_attr_getschedpolicy(const pthread_attr_t *attributes, int *policy)
{
    *policy = attributes->__policy;
    return 0;
}

/* The priority is looked at when both are known: by pthread_create(). */
int pthread_attr_setschedpolicy(pthread_attr_t *attributes, int policy)
{
    if (policy != SCHED_OTHER && policy != SCHED_FIFO && policy != SCHED_RR)
        return EINVAL;
    attributes->__policy = policy;
    return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *attributes, struct sched_param *parameters)
{
    parameters->sched_priority = attributes->__priority;
    return 0;
}

int pthread_attr_setschedparam(pthread_attr_t *attributes, const struct sched_param *parameters)
{
    if (parameters->sched_priority < 0 || parameters->sched_priority > POSIX_PRIORITY_MAX)
        return EINVAL;
    attributes->__priority = parameters->sched_priority;
    return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *attributes, size_t *size)
{
    *size = attributes->__guard_size;
    return 0;
}

int pthread_attr_setguardsize(pthread_attr_t *attributes, size_t size)
{
    if (size > SIZE_MAX / 4)
        return EINVAL;
    attributes->__guard_size = size;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attributes, size_t *size)
{
    *size = attributes->__stack_size;
    return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
    if (size < PTHREAD_STACK_MIN || size > SIZE_MAX / 4)
        return EINVAL;
    attributes->__stack_size = size;
    return 0;
}

int pthread_attr_getstack(const pthread_attr_t *attributes, void **stack, size_t *size)
{
    *stack = attributes->__stack;
    *size = attributes->__stack_size;
    return 0;
}

int pthread_attr_setstack(pthread_attr_t *attributes, void *stack, size_t size)
{
    if (size < PTHREAD_STACK_MIN || size > SIZE_MAX / 4 || (uintptr_t)stack % STACK_ALIGN != 0 ||
        size % STACK_ALIGN != 0)
        return EINVAL;
    attributes->__stack = stack;
    attributes->__stack_size = size;
    return 0;
}

/* Obsolete in POSIX, and the address is where the stack begins to be used: its upper end. */
int pthread_attr_getstackaddr(const pthread_attr_t *attributes, void **address)
{
    *address =
        attributes->__stack == NULL ? NULL : (char *)attributes->__stack + attributes->__stack_size;
    return 0;
}

int pthread_attr_setstackaddr(pthread_attr_t *attributes, void *address)
{
    if ((uintptr_t)address % STACK_ALIGN != 0 || (uintptr_t)address < attributes->__stack_size)
        return EINVAL;
    attributes->__stack = (char *)address - attributes->__stack_size;
    return 0;
}

/* Of a thread: where its stack is. The first thread's is the kernel's or its maker's (wharf/start.h). */
int pthread_getattr_np(pthread_t id, pthread_attr_t *attributes)
{
    int error = ESRCH;

    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL) {
        (void)pthread_attr_init(attributes);
        attributes->__detach = atomic_load(&thread->join) & JOIN_DETACHED ? PTHREAD_CREATE_DETACHED
                                                                          : PTHREAD_CREATE_JOINABLE;
        attributes->__policy = thread->policy;
        attributes->__priority = thread->priority;
        attributes->__guard_size = thread->guard;
        if (thread->stack != NULL) {
            attributes->__stack = thread->stack;
            attributes->__stack_size = thread->stack_size;
        }
        error = 0;
    }
    mutex_unlock(&posix_threads);
    return error;
}
