/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages by way of a queue, when they are as they are most of the time: short, without rights but that to answer a call,
 * between a live port and somebody who has its name. Tried when everything has been saved and before the slow way, which
 * does all that is not so, and gives the same results. Until the line "from here on" of each function nothing has been
 * changed.
 *
 *  - N3: a name is looked up without the space's lock, and looked at again under the port's;
 *  - P3: a message that is sent by a send right has one, counted under the lock that the message is queued under;
 *  - P5, P6: no sender waits for room here, nobody asked to hear of it, and a set's list of members with messages is kept.
 */
#include "fast_impl.h"
#include <arch/message.h>
#include <kern/clock.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>

/* ---- sending ---- */

/* A port with room for one message more that nobody waits for, locked; NULL: it is not that. */
static inline struct port *lock_port_with_room(struct thread *self, uint32_t length)
{
    uint32_t bits;
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST);
    struct ipc_entry *entry =
        find_entry(self, memory_of_sends(self, name), name, RIGHT_SEND, &bits);
    if (unlikely(!entry || (bits & ENTRY_KERNEL)))
        return NULL;
    struct port *port = lock_live_port(entry, bits);
    if (unlikely(!port))
        return NULL;
    bool room = port->queued < port->limit && port->queued_bytes + length <= port->byte_limit;
    if (likely(room && list_is_empty(&port->blocked)))
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

/* The message's header, and the body's words. The port's lock is held: one send right more. */
static inline void fill(struct thread *self, struct kmsg *msg, struct port *port, uint32_t length)
{
    port->senders++;
    port_ref(port);
    msg->remote = (struct kright){&port->ipc, MSG_MOVE_SEND};
    msg->id = (uint32_t)arch_message_get(&self->arch, MSG_X_ID);
    msg->how_sent = MSG_COPY_SEND;
    if (length > 0)
        arch_message_get_body(&self->arch, kmsg_body(msg));
}

/* A call, in the caller's reply (copyin.c). The port's lock is held. */
static inline struct kmsg *make_call(struct thread *self, struct port *port, uint32_t length)
{
    struct reply *reply = self->reply;
    struct kmsg *msg = &reply->message;
    fill(self, msg, port, length);
    msg->flags &= (uint8_t)~KMSG_STAMPED;
    msg->length = (uint16_t)length;
    msg->descriptors = 0;
    msg->reply = (struct kright){&reply->ipc, MSG_MOVE_SEND_ONCE};
    msg->priority = (uint8_t)sched_effective(self);
    relaxed_store(reply->holder, NULL);
    atomic_store(&reply->state, REPLY_OPEN); /* Y1 */
    if (unlikely(trace_is_on(TRACE_MSG_SEND)))
        msg_trace_send(self, msg, port, NULL);
    return msg;
}

/* The call is on the queue of the port, whose lock is held, so that nobody can have answered it: the caller waits, and who
 * serves the port runs in its place. */
static enum stage wait_and_hand_over(struct thread *self, struct port *port, unsigned priority,
                                     kern_return_t *kr)
{
    ticks_t until = clock_ticks_at(arch_message_get(&self->arch, MSG_X_DEADLINE));
    arch_message_set(&self->arch, MSG_X_DEST, MSG_NULL); /* the rest, if it is woken: to receive */
    bool waits = reply_wait(self, until, kr);
    /* If it waits it may be running elsewhere by now. The port's server is there as long as the lock is held. */
    if (port->server && waits)
        sched_hand_over(port->server, priority);
    else if (port->server)
        sched_lend_priority(port->server, priority);
    return waits ? STAGE_STOPPED : STAGE_FAILED;
}

static bool send_call(struct thread *self, uint32_t length, enum stage *stage, kern_return_t *kr)
{
    bool waits = (uint32_t)arch_message_get(&self->arch, MSG_X_RECEIVE) == MSG_REPLY;
    if (unlikely(relaxed_load(self->reply->state) != REPLY_IDLE))
        return false;
    struct port *port = lock_port_with_room(self, length);
    if (unlikely(!port))
        return false;

    /* From here on it is done. */
    struct kmsg *msg = make_call(self, port, length);
    unsigned priority = msg->priority;
    if (!waits)
        port_enqueue_locked(port, msg, false);
    else if (port_put_locked(port, msg, false))
        *stage = wait_and_hand_over(self, port, priority, kr);
    spin_unlock(&port->lock);
    return true;
}

/* A message that nobody waits to be answered. */
static bool send_oneway(struct thread *self, uint32_t length)
{
    struct kmsg *msg;
    struct port *port = lock_port_with_room(self, length);
    if (unlikely(!port))
        return false;
    /* The slow way tries once more, and tells the error. */
    if (unlikely(kmsg_alloc(self->task->ledger, length, &msg) != KERN_SUCCESS)) {
        spin_unlock(&port->lock);
        return false;
    }

    /* From here on it is done. */
    fill(self, msg, port, length);
    if (unlikely(trace_is_on(TRACE_MSG_SEND)))
        msg_trace_send(self, msg, port, NULL);
    port_enqueue_locked(port, msg, false);
    spin_unlock(&port->lock);
    return true;
}

/* ---- receiving ---- */

/* The oldest message of a port can be given to the thread just so: it fits the registers, has no names but MSG_REPLY, and
 * that it is gone is nobody's business. The port's lock is held. */
static inline struct kmsg *plain_message(const struct port *port)
{
    if (unlikely(list_is_empty(&port->queue)))
        return NULL;
    struct kmsg *msg = list_entry(port->queue.next, struct kmsg, link);
    bool plain = msg->descriptors == 0 && msg->length <= MSG_REGISTER_BYTES &&
                 (!msg->reply.kind || (msg->reply.object && msg->reply.object->kind == IPC_REPLY));
    bool quiet = list_is_empty(&port->blocked) && !port_has_armed_request(port) &&
                 (msg->remote.kind != MSG_MOVE_SEND || port->senders > 1);
    return likely(plain && quiet) ? msg : NULL;
}

/* The destination's right is used up: not the last reference, for the receive right has one. The lock is held. */
static inline void use_up_remote(struct port *port, struct kmsg *msg)
{
    if (msg->remote.kind == MSG_MOVE_SEND)
        port->senders--;
    msg->remote = (struct kright){0};
    atomic_fetch_sub_explicit(&port->references, 1, memory_order_release);
}

/* Into the registers; the lock is not held any more. */
static inline void give(struct thread *self, struct kmsg *msg)
{
    unsigned words = (msg->length + 7u) / 8;
    struct kright reply = msg->reply;
    uint64_t flags = msg->payload ? (uint64_t)MSG_FLAG_PAYLOAD << MSG_FLAGS_SHIFT : 0;
    msg->reply = (struct kright){0};
    if (unlikely(msg->length % 8)) /* behind the end: zero */
        kmsg_body(msg)[words - 1] &= (UINT64_C(1) << msg->length % 8 * 8) - 1;
    if (words == 0)
        arch_message_set_body(&self->arch, NULL, 0);
    else
        arch_message_set_body(&self->arch, kmsg_body(msg), words);
    msg_set_header(self, msg->id, MSG_CONTROL(reply.kind, msg->how_sent, msg->length, 0) | flags,
                   msg->local, reply.object ? MSG_REPLY : MSG_NULL, msg->seqno);
    if (reply.object)
        msg_hold_and_go_on(self, reply_of(reply.object), msg->priority);
    kmsg_free(msg);
}

/* Takes the message off, and gives it. The port's lock is held, and released. */
static inline void receive_message(struct thread *self, struct port *port, struct kmsg *msg)
{
    struct list none = LIST_INIT(none); /* nobody asked to be told */
    (void)port_dequeue_locked(port, &none);
    struct thread *before = port_note_server_locked(port, self);
    use_up_remote(port, msg);
    spin_unlock(&port->lock);
    if (unlikely(before))
        thread_unref(before);
    give(self, msg);
}

static bool receive_from_port(struct thread *self, struct ipc_entry *entry, uint32_t bits)
{
    struct port *port = lock_live_port(entry, bits);
    if (unlikely(!port))
        return false;
    struct kmsg *msg = port->set ? NULL : plain_message(port);
    if (unlikely(!msg)) {
        spin_unlock(&port->lock);
        return false;
    }

    /* From here on it is done. */
    receive_message(self, port, msg);
    return true;
}

/* The first member that has messages, locked; NULL: there is none, or somebody has a lock. Found under the set's lock, which
 * comes after the port's: it may only try. */
static struct port *lock_ready_member(struct ipc_entry *entry, uint32_t bits)
{
    struct port_set *set = entry_peek_set(entry);
    struct port *port = NULL;
    if (!set || !spin_trylock(&set->lock))
        return NULL;
    if (relaxed_load(entry->bits) == bits && set->alive && !list_is_empty(&set->ready)) {
        port = list_entry(set->ready.next, struct port, ready_link);
        if (!spin_trylock(&port->lock))
            port = NULL;
    }
    spin_unlock(&set->lock);
    return port;
}

static bool receive_from_set(struct thread *self, struct ipc_entry *entry, uint32_t bits)
{
    struct port *port = lock_ready_member(entry, bits);
    if (!port)
        return false;
    struct kmsg *msg = plain_message(port);
    if (unlikely(!msg)) {
        spin_unlock(&port->lock);
        return false;
    }

    /* From here on it is done. */
    receive_message(self, port, msg);
    return true;
}

bool msg_receive_queued(struct thread *self)
{
    uint32_t bits;
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE);
    struct ipc_entry *entry =
        find_entry(self, &self->receives_from, name, RIGHT_RECEIVE | RIGHT_SET, &bits);
    /* A reply that is held is lost first; a message that was handed over comes first. */
    if (unlikely(!entry || self->held || self->handed))
        return false;
    return bits & RIGHT_SET ? receive_from_set(self, entry, bits)
                            : receive_from_port(self, entry, bits);
}

bool msg_send_queued(struct thread *self, enum stage *stage, kern_return_t *kr)
{
    uint64_t control = arch_message_get(&self->arch, MSG_X_CONTROL);
    uint32_t length = msg_length(control);
    /* Who was woken because there is room has a turn to pass on. */
    if ((uint32_t)arch_message_get(&self->arch, MSG_X_LOCAL) != MSG_NULL || self->send_turn)
        return false;
    *stage = STAGE_DONE;
    if (has_shape(control, CALL_CONTROL))
        return send_call(self, length, stage, kr);
    return has_shape(control, ONEWAY_CONTROL) && send_oneway(self, length);
}
