/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads begin, end, are joined and detached (pthread_impl.h: P2 to P4).
 *
 * A thread and whoever joins or detaches it meet in `join`: who ends it finds DETACHED there, or leaves ENDED for the one who
 * claims it. A claim is given up only by a joiner that is cancelled.
 */
#include "cancel.h"
#include "pthread_impl.h"
#include "signals.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>

/* ---- the end ---- */

/* What the kernel has of it: the name of its port. */
static void forget(struct posix_thread *thread)
{
    mutex_lock(&posix_threads);
    posix_table_remove(thread);
    mutex_unlock(&posix_threads);
    if (thread->port != MSG_NULL)
        stub_release_right(thread->port, MSG_MOVE_SEND);
}

/* The caller may be the thread itself, as the last that it does before it leaves. */
static void give_back(struct posix_thread *thread)
{
    forget(thread);
    posix_stack_give_back(thread);
}

void posix_thread_end(void *result)
{
    struct posix_thread *self = posix_self();

    atomic_fetch_or(&self->cancel, CANCEL_ACTS);
    if (posix_keys_end != NULL)
        posix_keys_end();
    if (posix_mutexes_end != NULL)
        posix_mutexes_end(self);
    if (atomic_fetch_sub(&posix_live, 1) == 1)
        exit(0);
    if (thread_reclaim != NULL)
        thread_reclaim();
    self->result = result;
    if (atomic_fetch_or(&self->join, JOIN_ENDED) & JOIN_DETACHED)
        give_back(self);
    thread_leave(&self->native.alive, 0);
}

void pthread_exit(void *result)
{
    struct posix_thread *self = posix_self();

    atomic_fetch_or(&self->cancel, CANCEL_ACTS);
    while (self->handlers != NULL) {
        struct __pthread_cleanup *handler = self->handlers;

        self->handlers = handler->__next;
        handler->__function(handler->__argument);
    }
    posix_thread_end(result);
}

/* ---- the beginning ---- */

/* It may run before its creator knows its names: whoever needs them waits for the lock under which they are written. */
static void begin(void *argument)
{
    struct posix_thread *self = argument;

    if (__atomic_load_n(&self->port, __ATOMIC_RELAXED) == MSG_NULL) {
        mutex_lock(&posix_threads);
        mutex_unlock(&posix_threads);
    }
    pthread_exit(self->function(self->argument));
}

/* As the kernel's number, or 0. */
static unsigned choose_priority(struct posix_thread *thread, const pthread_attr_t *attributes)
{
    if (attributes != NULL && attributes->__inherit == PTHREAD_EXPLICIT_SCHED) {
        thread->policy = attributes->__policy;
        thread->priority = attributes->__priority;
    } else {
        thread->policy = posix_own.policy;
        thread->priority = posix_own.priority;
    }
    return posix_priority_of(thread->policy, thread->priority);
}

static struct posix_thread *make_stack(const pthread_attr_t *attributes)
{
    if (attributes == NULL)
        return posix_stack_make(POSIX_STACK_SIZE, POSIX_GUARD_SIZE);
    if (attributes->__stack != NULL)
        return posix_stack_take_over(attributes->__stack, attributes->__stack_size);
    return posix_stack_make(attributes->__stack_size, attributes->__guard_size);
}

static int error_of(kern_return_t kr)
{
    return kr == KERN_DENIED ? EPERM : EAGAIN;
}

/* Only in programs that have signals. */
[[gnu::weak]] extern __typeof__(signals_inherit) signals_inherit;

/* With posix_threads held, so that it can neither end nor be joined before its names are written. Its own number is told before it runs. */
static kern_return_t run_thread(struct posix_thread *thread, unsigned priority, pthread_t *id)
{
    char *block = posix_stack_block(thread);
    mach_port_name_t port;
    uint32_t number;

    *id = thread->id;
    thread->native.alive = 1;
    atomic_fetch_add(&posix_live, 1);
    if (signals_inherit != NULL)
        signals_inherit(block);
    const kern_return_t kr = task_create_thread(program_start_info->task, (uintptr_t)thread_entry,
                                                (uintptr_t)block, (uintptr_t)&thread->native,
                                                (uintptr_t)block, priority, true, &port, &number);
    if (kr == KERN_SUCCESS) {
        thread->native.id = number;
        __atomic_store_n(&thread->port, port, __ATOMIC_RELAXED);
        return kr;
    }
    atomic_fetch_sub(&posix_live, 1);
    thread->native.alive = 0;
    posix_table_remove(thread);
    return kr;
}

/* On an error the caller gives the stack back. */
static int start(struct posix_thread *thread, const pthread_attr_t *attributes, pthread_t *id)
{
    const unsigned priority = choose_priority(thread, attributes);
    kern_return_t kr = KERN_RESOURCE_SHORTAGE;

    if (priority == 0)
        return EINVAL;
    mutex_lock(&posix_threads);
    if (posix_table_add(thread))
        kr = run_thread(thread, priority, id);
    mutex_unlock(&posix_threads);
    return kr == KERN_SUCCESS ? 0 : error_of(kr);
}

int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument)
{
    struct posix_thread *thread = make_stack(attributes);

    if (thread == NULL)
        return EAGAIN;
    thread->native.function = begin;
    thread->native.argument = thread;
    thread->function = function;
    thread->argument = argument;
    if (attributes != NULL && attributes->__detach == PTHREAD_CREATE_DETACHED)
        thread->join = JOIN_DETACHED;
    const int error = start(thread, attributes, id);
    if (error != 0)
        posix_stack_give_back(thread);
    return error;
}

/* ---- joining ---- */

/* On success the thread is the caller's to give back, unless it has been detached. */
static int claim(pthread_t id, bool detach, struct posix_thread **out)
{
    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    int error = thread == NULL ? ESRCH : !detach && thread == &posix_own ? EDEADLK : 0;
    int seen = error == 0 ? atomic_load(&thread->join) : 0, next;

    do {
        if (seen & (JOIN_CLAIMED | JOIN_DETACHED))
            error = EINVAL;
        next = seen | (detach && !(seen & JOIN_ENDED) ? JOIN_DETACHED : JOIN_CLAIMED);
    } while (error == 0 && !atomic_compare_exchange_weak(&thread->join, &seen, next));
    mutex_unlock(&posix_threads);
    *out = next & JOIN_CLAIMED ? thread : NULL;
    return error;
}

/* False: the caller has been cancelled, and the thread can be joined as before. */
static bool wait_for_end(struct posix_thread *thread)
{
    while (atomic_load_explicit(&thread->native.alive, memory_order_acquire) != 0) {
        bool cancelled = cancel_begin();

        if (!cancelled) {
            const int64_t result =
                sys_futex_wait((const void *)&thread->native.alive, 1, TRAP_NEVER);
            cancelled = cancel_end(trap_error(result) == KERN_ABORTED);
        }
        if (cancelled) {
            atomic_fetch_and(&thread->join, ~JOIN_CLAIMED);
            return false;
        }
    }
    return true;
}

int pthread_join(pthread_t id, void **result)
{
    struct posix_thread *thread;

    cancel_test();
    const int error = claim(id, false, &thread);
    if (error != 0)
        return error;
    if (!wait_for_end(thread))
        cancel_act();
    if (result != NULL)
        *result = thread->result;
    give_back(thread);
    return 0;
}

int pthread_detach(pthread_t id)
{
    struct posix_thread *thread;
    const int error = claim(id, true, &thread);

    if (error == 0 && thread != NULL) {
        word_wait_while(&thread->native.alive, 1);
        give_back(thread);
    }
    return error;
}
