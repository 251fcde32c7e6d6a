/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive half of the message trap. A message is taken off its queue first and then given to the
 * thread without any lock; if that fails it goes back to where it was, with the sequence number it
 * got (kern/kmsg.h, KMSG_STAMPED). A thread that finds nothing waits; who brings a message hands it
 * over and lets the thread repeat its trap, which then comes here with the send half done.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/clock.h>
#include <kern/notify.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>

static ticks_t deadline_of(const struct thread *self)
{
    return clock_ticks_at(arch_message_get(&self->arch, MSG_X_DEADLINE));
}

/* What is left of the trap when the thread waits is the receive half (D1: restart means the rest). */
static enum stage stopped(struct thread *self, bool waits, kern_return_t *kr)
{
    (void)self;
    (void)kr;
    return waits ? STAGE_STOPPED : STAGE_FAILED;
}

/* ---- from the thread's own reply ---- */

static enum stage take_answer(struct thread *self, kern_return_t *kr)
{
    struct reply *reply = self->reply, *held = self->held;
    uint64_t control;
    *kr = msg_copyout(self, reply->answer, &control);
    if (*kr == KERN_SUCCESS) {
        reply->answer = NULL;
        if (unlikely(trace_is_on(TRACE_MESSAGE_RECEIVE)))
            msg_trace_answered(self);
        atomic_store(&reply->state, REPLY_IDLE);
        if (held && self->held != held) /* the answer brought another one to hold */
            reply_destroy_right(held);
        return STAGE_DONE;
    }
    if (*kr == MACH_RCV_TOO_LARGE)
        arch_message_set(&self->arch, MSG_X_ID, control); /* for msg.c, which reports it */
    if (*kr == MACH_RCV_UNTRUSTED) {
        kmsg_destroy(reply->answer);
        reply->answer = NULL;
        atomic_store(&reply->state, REPLY_IDLE);
    }
    return STAGE_FAILED;
}

static enum stage receive_answer(struct thread *self, kern_return_t *kr)
{
    struct reply *reply = self->reply;
    for (;;) {
        uint32_t state = reply ? atomic_load(&reply->state) & REPLY_STATE_MASK : REPLY_IDLE;
        switch (state) {
        case REPLY_DONE: return take_answer(self, kr);
        case REPLY_LOST:
            if (unlikely(trace_is_on(TRACE_MESSAGE_RECEIVE)))
                msg_trace_answered(self);
            atomic_store(&reply->state, REPLY_IDLE);
            arch_message_set_body(&self->arch, NULL, 0);
            msg_set_header(self, MSG_ID_SEND_ONCE, MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 0, 0), 0, 0,
                           0);
            return STAGE_DONE;
        case REPLY_OPEN:
            if (reply_wait(self, deadline_of(self), kr))
                return STAGE_STOPPED;
            if (*kr == KERN_RETRY)
                continue;
            return STAGE_FAILED;
        default: *kr = MACH_RCV_NO_REPLY; return STAGE_FAILED;
        }
    }
}

/* ---- from ports and sets ---- */

/* What the receive name denotes; a reference is held. */
struct source {
    struct port *port;
    struct port_set *set;
};

static kern_return_t find_source(struct space *space, mach_port_name_t name, struct source *out)
{
    kern_return_t kr = KERN_SUCCESS;
    *out = (struct source){0};
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    unsigned rights = entry ? entry_rights(entry) : 0;
    if (rights & RIGHT_RECEIVE) {
        struct port *port = port_of(entry_object(entry));
        if (port->set)
            kr = MACH_RCV_IN_SET;
        else
            port_ref(out->port = port);
    } else if (rights & RIGHT_SET) {
        set_ref(out->set = set_of(entry_object(entry)));
    } else {
        kr = MACH_RCV_INVALID_NAME;
    }
    spin_unlock(&space->lock);
    return kr;
}

static void release_source(struct source *source)
{
    if (source->port)
        port_unref(source->port);
    if (source->set)
        set_unref(source->set);
}

/* The oldest message of a port, or a wait for one. */
static struct kmsg *take_from_port(struct thread *self, struct port *port, enum stage *stage,
                                   kern_return_t *kr)
{
    struct list later = LIST_INIT(later);
    struct kmsg *msg = NULL;
    struct thread *before = NULL;
    *stage = STAGE_FAILED;
    spin_lock(&port->lock);
    if (port->state != PORT_ALIVE || port->space != self->task->space)
        *kr = MACH_RCV_INVALID_NAME; /* gone since it was looked up */
    else if (port->set)
        *kr = MACH_RCV_IN_SET;
    else if ((msg = port_dequeue_locked(port, &later)))
        before = port_note_server_locked(port, self);
    else if (port_call_senders_locked(port, &later)) {
        arch_message_repeat(&self->arch);
        sched_give_way(self);
        *stage = STAGE_STOPPED;
    } else
        *stage = stopped(self,
                         msg_wait(self, WAIT_RECEIVE, &port->lock, &port->receivers, false,
                                  deadline_of(self), kr),
                         kr);
    spin_unlock(&port->lock);
    if (before)
        thread_unref(before);
    notify_deliver(&later);
    return msg;
}

/* The first member of a set that has messages, with a reference; or a wait for one. */
static struct port *ready_member(struct thread *self, struct port_set *set, enum stage *stage,
                                 kern_return_t *kr)
{
    struct port *port = NULL;
    *stage = STAGE_FAILED;
    spin_lock(&set->lock);
    if (!set->alive) {
        *kr = MACH_RCV_INVALID_NAME;
    } else if (!list_is_empty(&set->ready)) {
        port = list_entry(set->ready.next, struct port, ready_link);
        port_ref(port);
    } else {
        *stage = stopped(self,
                         msg_wait(self, WAIT_RECEIVE, &set->lock, &set->receivers, false,
                                  deadline_of(self), kr),
                         kr);
    }
    spin_unlock(&set->lock);
    return port;
}

static struct kmsg *take_from_set(struct thread *self, struct port_set *set, enum stage *stage,
                                  kern_return_t *kr)
{
    struct port *port;
    /* Somebody else may be quicker with the member found; then there is another, or a wait. */
    while ((port = ready_member(self, set, stage, kr))) {
        struct list later = LIST_INIT(later);
        struct thread *before = NULL;
        spin_lock(&port->lock);
        struct kmsg *msg = port->set == set ? port_dequeue_locked(port, &later) : NULL;
        if (msg)
            before = port_note_server_locked(port, self);
        spin_unlock(&port->lock);
        if (before)
            thread_unref(before);
        port_unref(port);
        notify_deliver(&later);
        if (msg)
            return msg;
    }
    return NULL;
}

/* A message that was handed over while the thread waited; NULL: none, or it is not of this source. */
static struct kmsg *take_handed(struct thread *self, const struct source *source)
{
    struct kmsg *msg = self->handed;
    if (!msg)
        return NULL;
    struct port *port = port_of(msg->remote.object);
    spin_lock(&port->lock);
    bool wanted = port->space == self->task->space &&
                  (source->port ? source->port == port : port->set == source->set);
    struct thread *before = wanted ? port_note_server_locked(port, self) : NULL;
    spin_unlock(&port->lock);
    if (before)
        thread_unref(before);
    self->handed = NULL;
    if (wanted)
        return msg;
    port_put_back(port, msg);
    return NULL;
}

static enum stage give(struct thread *self, struct kmsg *msg, kern_return_t *kr)
{
    uint64_t control;
    struct port *port = port_of(msg->remote.object);
    *kr = msg_copyout(self, msg, &control);
    if (*kr == KERN_SUCCESS)
        return STAGE_DONE;
    if (*kr == MACH_RCV_UNTRUSTED) {
        kmsg_destroy(msg);
        return STAGE_FAILED;
    }
    port_ref(port);
    port_put_back(port, msg);
    port_unref(port);
    if (*kr == MACH_RCV_TOO_LARGE)
        arch_message_set(&self->arch, MSG_X_ID, control); /* for msg.c, which reports it */
    return STAGE_FAILED;
}

enum stage msg_receive(struct thread *self, kern_return_t *kr)
{
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE);
    struct source source;
    enum stage stage = STAGE_FAILED;
    if (name == MSG_REPLY)
        return receive_answer(self, kr);
    if (self->held) { /* who receives anew will not answer any more */
        struct reply *lost = self->held;
        msg_hold_reply(self, NULL, 0);
        reply_destroy_right(lost);
    }
    *kr = find_source(self->task->space, name, &source);
    if (*kr != KERN_SUCCESS) {
        msg_return_handed(self);
        return STAGE_FAILED;
    }
    struct kmsg *msg = take_handed(self, &source);
    if (!msg)
        msg = source.port ? take_from_port(self, source.port, &stage, kr)
                          : take_from_set(self, source.set, &stage, kr);
    release_source(&source);
    return msg ? give(self, msg, kr) : stage;
}

void msg_return_handed(struct thread *thread)
{
    struct kmsg *msg = thread->handed;
    if (!msg)
        return;
    thread->handed = NULL;
    port_put_back(port_of(msg->remote.object), msg);
}
