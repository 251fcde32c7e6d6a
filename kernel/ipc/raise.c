/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions as messages (kern/exception.h: E1 to E5). The request lies in the thread's second reply, or, with
 * registers in it, in a message of its own. The thread stops before the request leaves, so that its registers are
 * saved and no answer comes too early.
 */
#include "raise_impl.h"
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/wait.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>

/* ---- may this port be asked? ---- */

/* The server waits, directly or along a chain of calls, for the thread's own answer, or is the thread. Hints (T5). */
static bool waits_for(const struct thread *server, const struct thread *thread)
{
    enum { HOPS_MAX = 8 };
    for (unsigned hop = 0; hop <= HOPS_MAX; hop++) {
        if (thread == server)
            return true;
        struct reply *reply = __atomic_load_n(&thread->held, __ATOMIC_RELAXED);
        if (!reply || (atomic_load(&reply->state) & REPLY_STATE_MASK) != REPLY_WAITED)
            return false;
        thread = reply->owner;
    }
    return false;
}

static bool has_receiver(struct port *port)
{
    struct port_set *set = port->set;
    if (!set)
        return !list_is_empty(&port->receivers);
    spin_lock(&set->lock);
    bool has = !list_is_empty(&set->receivers);
    spin_unlock(&set->lock);
    return has;
}

/* E3. The port's lock is held. */
static bool can_answer(struct thread *self, struct port *port)
{
    const struct thread *server = port->server;
    if (has_receiver(port))
        return true;
    if (port->space == self->task->space && self->task->thread_count == 1)
        return false;
    return !server || server->task->space != port->space || !waits_for(server, self);
}

static bool may_ask(struct thread *self, struct port *port)
{
    spin_lock(&port->lock);
    bool may = port->state == PORT_ALIVE && !port->kobject && can_answer(self, port);
    spin_unlock(&port->lock);
    return may;
}

/* ---- the request ---- */

/* The thread's second reply, IDLE; NULL: no memory for a new one. The old one may still be with a handler whose wait
 * was aborted. */
static struct reply *prepare_reply(struct thread *self)
{
    struct reply *reply = atomic_load(&self->exception_reply), *fresh;
    uint32_t state = reply ? atomic_load(&reply->state) : REPLY_OPEN;
    if (state == REPLY_DONE)
        kmsg_destroy(reply->answer);
    if (state != REPLY_OPEN) {
        atomic_store(&reply->state, REPLY_IDLE);
        return reply;
    }
    if (reply_create(self, &fresh) != KERN_SUCCESS)
        return NULL;
    fresh->for_exception = true;
    atomic_store(&self->exception_reply, fresh);
    if (reply)
        reply_abandon(reply);
    return fresh;
}

static void put_right(struct kmsg *msg, unsigned i, struct port *port)
{
    struct kright right = port ? port_send_right(port) : (struct kright){0};
    *kmsg_descriptor(msg, i) = (struct msg_descriptor){.value = (uintptr_t)right.object,
                                                       .kind = MSG_PORT,
                                                       .disposition = right.kind};
}

/* The message in the reply: the last one in it has been received, or its right would not have come back. */
static struct kmsg *message_with_rights(struct thread *self, struct reply *reply, bool with_task)
{
    struct kmsg *msg = &reply->message;
    msg->flags &= (uint8_t)~KMSG_STAMPED;
    msg->id = EXCEPTION_ID_RAISE;
    msg->length = EXCEPTION_RIGHTS_LENGTH;
    msg->descriptors = EXCEPTION_RIGHTS;
    put_right(msg, 0, self->self_port);
    put_right(msg, 1, with_task ? self->task->self_port : NULL);
    return msg;
}

static struct kmsg *message_with_state(struct thread *self)
{
    struct kmsg *msg;
    if (kmsg_alloc(self->task->ledger, EXCEPTION_STATE_LENGTH, &msg) != KERN_SUCCESS)
        return NULL;
    msg->id = EXCEPTION_ID_RAISE_STATE;
    return msg;
}

static struct kmsg *make_message(struct thread *self, struct reply *reply, enum exception_slot slot,
                                 unsigned flavour)
{
    struct kmsg *msg = flavour == EXCEPTION_PORTS_FLAVOUR_STATE
                           ? message_with_state(self)
                           : message_with_rights(self, reply, slot != EXCEPTION_OF_THREAD);
    if (!msg)
        return NULL;
    msg->how_sent = MSG_COPY_SEND;
    msg->priority = (uint8_t)sched_effective(self);
    exception_fill(self,
                   (struct exception_request *)(void *)kmsg_descriptor(msg, msg->descriptors));
    return msg;
}

/* ---- asking ---- */

static void send(struct port *port, struct kmsg *msg)
{
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    if (alive)
        port_enqueue_locked(port, msg, false);
    spin_unlock(&port->lock);
    if (!alive)
        kmsg_destroy(
            msg); /* it died in this moment; the reply's right is destroyed, and the thread asks the next */
}

bool exception_ask(struct thread *self, struct port *port, enum exception_slot slot,
                   unsigned flavour)
{
    self->exception.flavour = (uint8_t)flavour;
    struct reply *reply = may_ask(self, port) ? prepare_reply(self) : NULL;
    struct kmsg *msg = reply ? make_message(self, reply, slot, flavour) : NULL;
    if (!msg) {
        port_unref(port);
        return false;
    }
    msg->remote =
        (struct kright){&port->ipc, MSG_MOVE_SEND_ONCE}; /* the reference is the message's */
    if (wait_begin(self, WAIT_EXCEPTION, NULL, TICKS_NEVER) != KERN_SUCCESS) {
        kmsg_destroy(msg);
        return false; /* it has been told to die */
    }
    if (flavour == EXCEPTION_PORTS_FLAVOUR_STATE)
        arch_thread_get_state(&self->arch, THREAD_STATE_GENERAL, false,
                              &((struct exception_state_request *)(void *)kmsg_body(msg))->state);
    msg->reply = (struct kright){&reply->ipc, MSG_MOVE_SEND_ONCE};
    relaxed_store(reply->holder, NULL);
    /* E1, Y4 from here on: others may end the wait, and the thread with it. The reply is there as long as the
     * message is ours. Who told the thread to die before found no wait to end (W5). */
    atomic_store(&reply->state, EXCEPTION_WAITED);
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        (void)reply_end_exception(reply, self);
    send(port, msg);
    return true;
}

/* ---- the answer ---- */

/* Registers of a thread that is to repeat a trap it is in the midst of stay as they are: they are the trap's. */
bool exception_set_state(struct thread *owner, const struct thread_state_general *state)
{
    if (owner->progress || owner->building || owner->handed)
        return true;
    return arch_thread_set_state(&owner->arch, THREAD_STATE_GENERAL, state) == KERN_SUCCESS;
}

static bool handles(struct thread *owner, const struct kmsg *msg)
{
    bool state = owner->exception.flavour == EXCEPTION_PORTS_FLAVOUR_STATE;
    uint32_t length = state ? sizeof(struct thread_state_general) : 0;
    if (msg->id != KERN_SUCCESS || msg->descriptors > 0 || msg->length != length)
        return false;
    return !state || exception_set_state(owner, (const void *)kmsg_body(msg));
}

void exception_answered(struct reply *reply, bool lost)
{
    struct thread *owner = reply->owner;
    bool handled = !lost && handles(owner, reply->answer);
    if (!lost)
        kmsg_destroy(reply->answer);
    atomic_store(&reply->state, REPLY_IDLE);
    if (!handled)
        atomic_fetch_or(&owner->flags, THREAD_FLAG_EXCEPTION); /* E2 */
    wait_end_written(owner);
}

/* ---- from outside ---- */

bool exception_end_wait(struct thread *thread)
{
    struct reply *reply = atomic_load(&thread->exception_reply);
    return reply && reply_end_exception(reply, thread);
}

bool exception_withdraw(struct thread *thread)
{
    return atomic_fetch_and(&thread->flags, ~(uint32_t)THREAD_FLAG_EXCEPTION) &
           THREAD_FLAG_EXCEPTION;
}

/* The thread may have a new reply by now, and this one another owner: who has claimed it knows. */
struct reply *exception_hold_still(struct thread *thread)
{
    struct reply *reply = atomic_load(&thread->exception_reply);
    if (!reply || !reply_claim(reply, EXCEPTION_WAITED))
        return NULL;
    if (relaxed_load(reply->owner) == thread)
        return reply;
    exception_let_go(reply);
    return NULL;
}

void exception_let_go(struct reply *reply)
{
    struct thread *thread = relaxed_load(reply->owner);
    atomic_store(&reply->state, EXCEPTION_WAITED);
    /* Who told the thread to die meanwhile found nothing to end. */
    if (atomic_load(&thread->flags) & THREAD_FLAG_TERMINATE)
        (void)reply_end_exception(reply, thread);
}

void exception_end_reply(struct thread *thread)
{
    struct reply *reply = atomic_load(&thread->exception_reply);
    atomic_store(&thread->exception_reply, NULL);
    if (reply)
        reply_abandon(reply);
}
