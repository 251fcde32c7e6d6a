/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The send half of the message trap. In order, so that an error leaves everything as it was:
 *
 *    look       destination there, alive, room in its queue? else wait for room
 *    copy in    the body into a kmsg; nothing shared yet
 *    take       destination's, local and carried rights under one hold of the space's lock, a place in the
 *               queue last: from here on nothing fails
 *    deliver    to a thread that waits, onto the queue, or to the caller that the answer is for
 */
#include "msg_impl.h"
#include "names.h"
#include <arch/upcalls.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/notify.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>
#include <kern/wait.h>

/* ---- the destination ---- */

/* Where a message goes. A reference is held on the port, none on a reply: the right is the sender's. */
struct destination {
    struct port *port;   /* NULL: to `reply` */
    struct reply *reply; /* the answer goes straight to its owner */
    bool counted;        /* by a send right: the queue's limit holds */
};

static bool is_send_disposition(unsigned d)
{
    return d == MSG_MOVE_SEND || d == MSG_COPY_SEND || d == MSG_MAKE_SEND;
}

/* Find it; the space's lock is held, and the right stays where it is. */
static kern_return_t find_destination(struct space *space, mach_port_name_t name,
                                      unsigned disposition, struct destination *out)
{
    struct ipc_entry *entry = space_lookup(space, name);
    *out = (struct destination){0};
    if (disposition == MSG_MOVE_RECEIVE || !msg_kind_of(disposition))
        return MACH_SEND_INVALID_HEADER;
    if (!entry || (entry_rights(entry) & RIGHT_DEAD))
        return MACH_SEND_INVALID_DEST;
    unsigned needed = disposition == MSG_MOVE_SEND || disposition == MSG_COPY_SEND ? RIGHT_SEND
                      : disposition == MSG_MOVE_SEND_ONCE                          ? RIGHT_SEND_ONCE
                                                                                   : RIGHT_RECEIVE;
    if (!(entry_rights(entry) & needed))
        return MACH_SEND_INVALID_DEST;
    struct ipc_object *object = entry_object(entry);
    if (object->kind == IPC_REPLY)
        out->reply = reply_of(object);
    else
        out->port = object->kind == IPC_SONCE ? sonce_of(object)->port : port_of(object);
    out->counted = is_send_disposition(disposition);
    return KERN_SUCCESS;
}

/* ---- room in the queue ---- */

/* What takes room in a queue, beside the place. */
struct load {
    uint32_t length, pages;
};

static bool has_room(const struct port *port, struct load load)
{
    return port->queued < port->limit &&
           (port->queued == 0 ||
            (port->queued_bytes + load.length <= port->byte_limit &&
             (load.pages == 0 || port->queued_memory + load.pages <= port->memory_limit)));
}

/* Wait for room, or fail for want of it. The port's lock is held and released; the space's is held. */
static enum stage wait_for_room(struct thread *self, struct port *port, kern_return_t *kr)
{
    bool at_front = self->send_turn == port;
    ticks_t until = clock_ticks_at(arch_message_get(&self->arch, MSG_X_DEADLINE));
    if (until != TICKS_NEVER) /* it may fail: who asked for it is told when there is room */
        request_arm_locked(self->task->space,
                           (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST), port);
    self->send_turn = NULL;
    bool waits = msg_wait(self, WAIT_SEND, &port->lock, &port->blocked, at_front, until, kr);
    port_note_detour_locked(port);
    if (at_front && !waits)
        self->send_turn = port; /* msg_send() passes it on */
    spin_unlock(&port->lock);
    if (at_front && waits)
        port_unref(port); /* not the last: the sender's name has one */
    return waits ? STAGE_STOPPED : STAGE_FAILED;
}

/* Is there room now? Who waits for it already goes first. */
static enum stage look_for_room(struct thread *self, struct destination *dest, struct load load,
                                kern_return_t *kr)
{
    struct port *port = dest->port;
    if (!port || !dest->counted)
        return STAGE_DONE;
    if (load.length > port->byte_limit || load.pages > port->memory_limit) {
        *kr = MACH_SEND_TOO_LARGE;
        return STAGE_FAILED;
    }
    if (self->send_turn && self->send_turn != port)
        msg_pass_turn(self, self->send_turn); /* its registers were changed meanwhile */
    spin_lock(&port->lock);
    /* An empty queue is nobody's turn: those who have one may not be running. */
    bool behind = port->queued > 0 && !list_is_empty(&port->blocked) && self->send_turn != port;
    if (port->state == PORT_ALIVE && (behind || !has_room(port, load)))
        return wait_for_room(self, port, kr);
    spin_unlock(&port->lock);
    return STAGE_DONE;
}

/* Take a place in the queue. False: there is none any more. */
static bool reserve_place(struct destination *dest, struct load load)
{
    struct port *port = dest->port;
    if (!port || !dest->counted)
        return true;
    spin_lock(&port->lock);
    bool room = port->state != PORT_ALIVE || has_room(port, load);
    if (room)
        port->queued++;
    spin_unlock(&port->lock);
    return room;
}

/* ---- taking the rights ---- */

static kern_return_t take_local(struct thread *self, struct taken_list *list, uint64_t control,
                                struct kright *out)
{
    unsigned disposition = msg_local(control);
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_LOCAL);
    *out = (struct kright){0};
    if (disposition == 0 || disposition == MSG_MAKE_REPLY)
        return name == MSG_NULL ? KERN_SUCCESS : MACH_SEND_INVALID_HEADER;
    if (name == MSG_REPLY && disposition == MSG_MOVE_SEND_ONCE) {
        if (!self->held)
            return MACH_SEND_INVALID_REPLY;
        *out = (struct kright){&self->held->ipc, MSG_MOVE_SEND_ONCE};
        return KERN_SUCCESS;
    }
    if (disposition == MSG_MOVE_RECEIVE || !msg_kind_of(disposition))
        return MACH_SEND_INVALID_HEADER;
    kern_return_t kr = msg_take(self->task->space, list, name, disposition, out);
    if (kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE)
        return MACH_SEND_NO_BUFFER;
    return kr == KERN_SUCCESS ? kr : MACH_SEND_INVALID_REPLY;
}

static kern_return_t take_dest(struct thread *self, struct taken_list *list, uint64_t control,
                               struct kright *out)
{
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST);
    if (name == MSG_REPLY)
        return KERN_SUCCESS;
    kern_return_t kr = msg_take(self->task->space, list, name, msg_remote(control), out);
    if (kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE)
        return MACH_SEND_NO_BUFFER;
    return kr == KERN_SUCCESS && out->object ? kr : MACH_SEND_INVALID_DEST;
}

/* Copies before moves, so that the last reference of a name can serve twice. */
[[gnu::always_inline]] static inline kern_return_t take_header(struct thread *self,
                                                               struct taken_list *list,
                                                               uint64_t control,
                                                               struct kright *remote,
                                                               struct kright *local)
{
    bool local_first = msg_remote(control) == MSG_MOVE_SEND;
    kern_return_t kr = KERN_SUCCESS;
    if (local_first)
        kr = take_local(self, list, control, local);
    if (kr == KERN_SUCCESS)
        kr = take_dest(self, list, control, remote);
    if (kr == KERN_SUCCESS && !local_first)
        kr = take_local(self, list, control, local);
    return kr;
}

/* For kernel objects; what programs' messages take is taken without a call. */
kern_return_t msg_take_local(struct thread *self, struct taken_list *list, uint64_t control,
                             struct kright *out)
{
    return take_local(self, list, control, out);
}

kern_return_t msg_take_header(struct thread *self, struct taken_list *list, uint64_t control,
                              struct kright *remote, struct kright *local)
{
    return take_header(self, list, control, remote, local);
}

/* Everything the message takes along. STAGE_STOPPED: the trap is to be repeated, for the queue has
 * become full meanwhile. */
static enum stage take_all(struct thread *self, uint64_t control, struct destination *dest,
                           struct kmsg *msg, kern_return_t *kr)
{
    struct space *space = self->task->space;
    struct list later = LIST_INIT(later);
    struct taken_list list;
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST);
    bool room = true;
    list.count = 0; /* alone: the list is long */
    spin_lock(&space->lock);
    /* Another thread of the task may have changed the name since it was looked at. */
    *kr =
        name == MSG_REPLY ? KERN_SUCCESS : find_destination(space, name, msg_remote(control), dest);
    if (*kr == KERN_SUCCESS && dest->port && relaxed_load(dest->port->kobject))
        room = false; /* a kernel object's now: begin anew */
    if (*kr == KERN_SUCCESS)
        *kr = take_header(self, &list, control, &msg->remote, &msg->reply);
    if (*kr == KERN_SUCCESS)
        *kr = msg_take_body(space, &list, msg, msg_descriptors(control), dest->port);
    if (*kr == KERN_SUCCESS && room)
        room = reserve_place(dest, (struct load){msg->length, kmsg_memory_pages(msg)});
    if (*kr == KERN_SUCCESS && room) {
        msg_take_finish(space, &list, &later);
        if (dest->port)
            port_ref(dest->port);
    } else {
        msg_take_undo(space, &list, &later);
        msg->descriptors = 0;
        for (struct kport_array *array = msg->arrays; array; array = array->next)
            array->count = 0;
        msg->remote = msg->reply = (struct kright){0};
    }
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return *kr != KERN_SUCCESS ? STAGE_FAILED : room ? STAGE_DONE : STAGE_STOPPED;
}

/* ---- delivery ---- */

/* The destination's right becomes what a message on its way has: a port reference, and a send right if it
 * was sent by one. The reference that `dest` holds is given up. */
static void settle_remote(struct kmsg *msg, struct destination *dest)
{
    if (msg->remote.kind == MSG_MOVE_SEND) {
        port_unref(dest->port); /* the send right has its own */
        return;
    }
    if (msg->remote.object && msg->remote.object->kind == IPC_SONCE)
        sonce_free(sonce_of(msg->remote.object));
    msg->remote = (struct kright){&dest->port->ipc, MSG_MOVE_SEND_ONCE};
}

static void deliver_to_port(struct kmsg *msg, struct destination *dest)
{
    struct port *port = dest->port;
    struct list later = LIST_INIT(later);
    settle_remote(msg, dest);
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    if (alive)
        port_enqueue_locked(port, msg, dest->counted);
    if (alive && dest->counted && list_is_empty(&port->queue)) {
        /* Handed over: somebody may have begun to wait for the place that was promised to it. */
        port_wake_sender_locked(port);
        request_fire_possible_locked(port, &later);
    }
    spin_unlock(&port->lock);
    if (!alive)
        kmsg_destroy(msg); /* it died in this moment: sent just before */
    notify_deliver(&later);
}

static void deliver(struct thread *self, struct kmsg *msg, struct destination *dest)
{
    if (dest->port) {
        deliver_to_port(msg, dest);
        return;
    }
    msg->remote = (struct kright){0};
    if (dest->reply == self->held)
        msg_hold_reply(self, NULL, 0);
    reply_deliver(dest->reply, msg);
}

/* The thread awaits an answer from now on. It has prepared its reply. */
static void add_own_reply(struct thread *self, struct kmsg *msg)
{
    relaxed_store(self->reply->holder, NULL);
    atomic_store(&self->reply->state, REPLY_OPEN);
    msg->reply = (struct kright){&self->reply->ipc, MSG_MOVE_SEND_ONCE};
    msg->priority = (uint8_t)sched_effective(self);
}

static void note_handed_on(struct thread *self, const struct kmsg *msg)
{
    if (self->held && msg->reply.object == &self->held->ipc) {
        relaxed_store(self->held->holder, NULL);
        msg_hold_reply(self, NULL, 0);
    }
}

/* ---- the stages ---- */

static enum stage send_message(struct thread *self, uint64_t control, struct destination *dest,
                               kern_return_t *kr)
{
    struct kmsg *msg;
    if (msg_local(control) == MSG_MAKE_REPLY && reply_prepare(self) != KERN_SUCCESS)
        *kr = MACH_SEND_NO_BUFFER;
    else
        *kr = msg_copyin(self, control, &msg);
    if (*kr != KERN_SUCCESS) /* msg.c has it wait for a page, if it is for that */
        return *kr == KERN_RETRY && !self->page.object ? STAGE_STOPPED : STAGE_FAILED;
    enum stage stage = take_all(self, control, dest, msg, kr);
    if (stage == STAGE_STOPPED) {
        arch_message_repeat(&self->arch);
        sched_give_way(self);
    }
    if (stage != STAGE_DONE) {
        kmsg_free(msg);
        return stage;
    }
    if (msg_local(control) == MSG_MAKE_REPLY)
        add_own_reply(self, msg);
    else
        note_handed_on(self, msg);
    if (unlikely(trace_is_on(TRACE_MSG_SEND)))
        msg_trace_send(self, msg, dest->port, dest->reply);
    if (unlikely(msg->memory))
        msg_note_losses(self, msg);
    deliver(self, msg, dest);
    return unlikely(self->losing) ? msg_lose_memory(self) : STAGE_DONE;
}

/* To the answer that this thread owes. */
static enum stage send_answer(struct thread *self, uint64_t control, kern_return_t *kr)
{
    struct destination dest = {.reply = self->held};
    bool itself = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_LOCAL) == MSG_REPLY;
    if (!self->held || itself || msg_remote(control) != MSG_MOVE_SEND_ONCE) {
        *kr = self->held ? MACH_SEND_INVALID_HEADER : MACH_SEND_INVALID_DEST;
        return STAGE_FAILED;
    }
    return send_message(self, control, &dest, kr);
}

/* The turn that the thread was woken for has been used, or is of no use to it: if there is room still, the next that
 * waits is woken. So a turn is not lost when the one who has it fails or ends. */
void msg_pass_turn(struct thread *self, struct port *turn)
{
    if (!turn)
        return;
    self->send_turn = NULL;
    spin_lock(&turn->lock);
    port_wake_sender_locked(turn);
    spin_unlock(&turn->lock);
    port_unref(turn);
}

/* Of the trap's message. One that is being copied has been found room for: if it is gone by now it waits when all is copied. */
static struct load load_of(struct thread *self, uint64_t control)
{
    struct load load = {msg_length(control), 0};
    if (unlikely(msg_descriptors(control)) && !self->sending)
        load.pages = msg_peek_memory(self, control);
    return load;
}

static enum stage send(struct thread *self, kern_return_t *kr)
{
    uint64_t control = arch_message_get(&self->arch, MSG_X_CONTROL);
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST);
    struct space *space = self->task->space;
    struct destination dest;
    *kr = msg_check_control(control);
    if (*kr != KERN_SUCCESS)
        return STAGE_FAILED;
    if (name == MSG_REPLY)
        return send_answer(self, control, kr);
    struct load load = load_of(self, control);
    spin_lock(&space->lock);
    *kr = find_destination(space, name, msg_remote(control), &dest);
    struct port *kernel_port = NULL;
    enum stage stage = STAGE_FAILED;
    if (*kr == KERN_SUCCESS && dest.port && relaxed_load(dest.port->kobject)) {
        kernel_port = dest.port;
        port_ref(kernel_port);
    } else if (*kr == KERN_SUCCESS) {
        stage = self->sending ? STAGE_DONE : look_for_room(self, &dest, load, kr);
    }
    spin_unlock(&space->lock);
    if (kernel_port)
        return msg_call_kernel(self, kernel_port, kr);
    return stage == STAGE_DONE ? send_message(self, control, &dest, kr) : stage;
}

enum stage msg_send(struct thread *self, kern_return_t *kr)
{
    self->building = false;
    enum stage stage = send(self, kr);
    if (unlikely(self->sending) && !self->building) /* given up, or waiting */
        msg_stop_copying(self);
    /* A thread that waits again is somebody else's already, and gave its turn up before. */
    if (stage != STAGE_STOPPED)
        msg_pass_turn(self, self->send_turn);
    return stage;
}

void msg_send_from_kernel(struct kright *to, struct kmsg *msg)
{
    struct port *port = port_of(to->object);
    msg->remote = *to;
    *to = (struct kright){0};
    spin_lock(&port->lock);
    /* Nobody receives from a kernel object's port, and to none of them does what the kernel says mean anything. */
    bool heard = port->state == PORT_ALIVE && !port->kobject;
    if (heard && unlikely(trace_is_on(TRACE_MESSAGE_SEND)))
        msg_trace_send_from_kernel(msg);
    if (heard)
        port_enqueue_locked(port, msg, false);
    spin_unlock(&port->lock);
    if (!heard)
        kmsg_destroy(msg);
}
