/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns a futex, by the name of its thread's port. A file of its own, so that tests can do without
 * ports.
 */
#include <kern/futex.h>
#include <kern/port.h>
#include <kern/space.h>
#include <kern/task.h>

/* The port's lock is held: a thread that its port still denotes has not been reaped, so there is a
 * reference to add to. */
static struct thread *thread_behind(struct port *port, const struct task *task)
{
    if (port->state != PORT_ALIVE || port->kobject != KOBJECT_THREAD)
        return NULL;
    struct thread *thread = port->object;
    if (thread->task != task)
        return NULL;
    thread_ref(thread);
    return thread;
}

struct thread *futex_owner_lookup(struct thread *self, uint32_t name)
{
    struct space *space = self->task->space;
    struct thread *thread = NULL;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (entry && entry_rights(entry) & RIGHT_SEND) {
        struct port *port = (struct port *)entry_object(entry);
        spin_lock(&port->lock);
        thread = thread_behind(port, self->task);
        spin_unlock(&port->lock);
    }
    spin_unlock(&space->lock);
    return thread;
}
