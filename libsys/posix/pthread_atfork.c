/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers round fork(); see atfork.h. They are never taken away. Those of before are called in the order that is the reverse of their
 * registration, the others in that order. The lock is held from before the first to after the last, so that the child's list is whole;
 * a handler that registers another does so at the end of the list, for the next fork.
 */
#include "atfork.h"
#include <errno.h>
#include <libsys/sync.h>
#include <pthread.h>
#include <stdlib.h>

struct handlers {
    struct handlers *next, *previous;
    void (*prepare)(void);
    void (*parent)(void);
    void (*child)(void);
};

static struct recursive_mutex lock;
static struct handlers *first, *last; /* guarded by lock */

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    struct handlers *made = malloc(sizeof(*made));

    if (made == NULL)
        return ENOMEM;
    recursive_mutex_lock(&lock);
    *made = (struct handlers){NULL, last, prepare, parent, child};
    if (last != NULL)
        last->next = made;
    else
        first = made;
    last = made;
    recursive_mutex_unlock(&lock);
    return 0;
}

void posix_atfork_prepare(void)
{
    recursive_mutex_lock(&lock);
    for (struct handlers *each = last; each != NULL; each = each->previous)
        if (each->prepare != NULL)
            each->prepare();
}

void posix_atfork_parent(void)
{
    for (struct handlers *each = first; each != NULL; each = each->next)
        if (each->parent != NULL)
            each->parent();
    recursive_mutex_unlock(&lock);
}

/* The child's thread pointer is the parent's, so it holds the lock. */
void posix_atfork_child(void)
{
    for (struct handlers *each = first; each != NULL; each = each->next)
        if (each->child != NULL)
            each->child();
    recursive_mutex_unlock(&lock);
}
