/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a dead port leaves: messages, waiters, requests. One work item takes it down in bounded
 * pieces, so that a port's death takes a constant time (D5). Rights in its messages may be the last
 * of other ports, receive rights among them: those die by coming onto the list, not by recursion.
 */
#include "ipc_impl.h"
#include <kern/grace.h>
#include <kern/notify.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/work.h>

static struct spinlock reaper_lock = SPINLOCK_INIT(LOCK_REAPER);
static struct list dead_ports = LIST_INIT(dead_ports); /* reaper_lock */
static work_step_t reap_step;
static struct work reaper;
static _Atomic uint32_t dead_count; /* ports on the list or being worked on */

void reaper_init(void)
{
    work_init(&reaper, reap_step, PRIORITY_REAP);
}

void reaper_add(struct port *port)
{
    atomic_fetch_add(&dead_count, 1);
    spin_lock(&reaper_lock);
    list_push_back(&dead_ports, &port->reap_link);
    spin_unlock(&reaper_lock);
    work_start(&reaper);
}

bool reaper_is_idle(void)
{
    return atomic_load(&dead_count) == 0 && grace_idle();
}

/* One of what is left, if there is any. Waiters first, then messages, then requests. *has_memory: that was enough for one step. */
static bool reap_one(struct port *port, bool *has_memory)
{
    struct list *message = NULL, *request = NULL;
    spin_lock(&port->lock);
    struct thread *receiver = msg_pop_waiter(&port->receivers);
    struct thread *sender = receiver ? NULL : msg_pop_waiter(&port->blocked);
    if (!receiver && !sender)
        message = list_pop_front(&port->queue);
    if (!receiver && !sender && !message)
        request = list_pop_front(&port->requests);
    spin_unlock(&port->lock);
    if (receiver)
        msg_wake_error(receiver, MACH_RCV_PORT_DIED);
    if (sender)
        msg_wake_repeat(sender); /* finds the dead name */
    if (message) {
        struct kmsg *msg = list_entry(message, struct kmsg, link);
        *has_memory = msg->memory;
        kmsg_destroy(msg);
    }
    if (request)
        request_fire_dead(list_entry(request, struct name_request, port_link));
    return receiver || sender || message || request;
}

/* The last: requests of the receive right itself, and the server that was noted. */
static void reap_rest(struct port *port)
{
    spin_lock(&port->lock);
    struct kright no_senders = port->no_senders, destroyed = port->destroyed;
    struct thread *server = port->server;
    port->no_senders = port->destroyed = (struct kright){0};
    port->server = NULL;
    spin_unlock(&port->lock);
    kright_destroy(&no_senders);
    kright_destroy(&destroyed);
    if (server)
        thread_unref(server);
    if (port->set)
        port_leave_set(port);
}

static bool reap_step(struct work *work)
{
    enum { BATCH = 4 };
    spin_lock(&reaper_lock);
    bool none = list_is_empty(&dead_ports);
    struct port *port = none ? NULL : list_entry(dead_ports.next, struct port, reap_link);
    spin_unlock(&reaper_lock);
    if (none)
        return !work_done(work);
    bool has_memory = false;
    for (unsigned n = 0; n < BATCH && !has_memory; n++)
        if (!reap_one(port, &has_memory)) {
            reap_rest(port);
            spin_lock(&reaper_lock);
            list_remove(&port->reap_link);
            none = list_is_empty(&dead_ports);
            spin_unlock(&reaper_lock);
            port_unref(port); /* the receive right's */
            atomic_fetch_sub(&dead_count, 1);
            return !none || !work_done(work);
        }
    return true;
}
