/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait for messages or for room: on a list of the port or set, under its lock (W2 of
 * kern/wait.h: who takes a thread off is the one who wakes it).
 */
#include "ipc_impl.h"
#include <arch/message.h>
#include <kern/sched.h>
#include <kern/wait.h>

bool msg_wait(struct thread *self, enum wait_kind kind, struct spinlock *lock, struct list *list,
              bool at_front, ticks_t until, kern_return_t *why)
{
    *why = wait_begin(self, kind, lock, until);
    if (*why != KERN_SUCCESS)
        return false;
    if (at_front)
        list_push_front(list, &self->wait.link);
    else
        list_push_back(list, &self->wait.link);
    return true;
}

/* The first that may run when it is woken, among a few; else the first. */
static struct thread *choose_waiter(struct list *list)
{
    enum { LOOK_AT = 8 };
    unsigned looked = 0;
    struct thread *thread;
    list_for_each(thread, list, wait.link) {
        if (!sched_is_held(thread))
            return thread;
        if (++looked == LOOK_AT)
            break;
    }
    return list_entry(list->next, struct thread, wait.link);
}

struct thread *msg_pop_waiter(struct list *list)
{
    if (list_is_empty(list))
        return NULL;
    struct thread *thread = choose_waiter(list);
    list_remove(&thread->wait.link);
    atomic_store(&thread->wait.queue_lock, NULL); /* W4 */
    return thread;
}

void msg_wake_error(struct thread *thread, kern_return_t result)
{
    arch_message_fail(&thread->arch, result);
    wait_end_written(thread);
}

void msg_wake_repeat(struct thread *thread)
{
    arch_message_repeat(&thread->arch);
    wait_end_written(thread);
}
