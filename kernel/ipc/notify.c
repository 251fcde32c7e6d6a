/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications (kern/notify.h).
 */
#include "ipc_impl.h"
#include <kern/kmsg.h>
#include <kern/notify.h>
#include <kern/port.h>
#include <kern/reply.h>

/* The message that lies in a send-once right, which is taken: the right's port or reply is the
 * message's destination now. NULL: there is no such right. */
static struct kmsg *message_of(struct kright *to)
{
    struct ipc_object *object = to->object;
    *to = (struct kright){0};
    if (!object)
        return NULL;
    struct kmsg *msg;
    uint8_t how = MSG_MOVE_SEND_ONCE; /* an answer is the caller's to doubt */
    if (object->kind == IPC_SONCE) {
        struct sonce *sonce = container_of(object, struct sonce, ipc);
        msg = &sonce->message;
        how =
            MSG_BY_KERNEL; /* programs can have such a right, too, and send what they like there */
        msg->remote = (struct kright){&sonce->port->ipc, MSG_MOVE_SEND_ONCE};
        sonce->port = NULL; /* its reference is the message's */
    } else {
        struct reply *reply = container_of(object, struct reply, ipc);
        msg = &reply->message;
        msg->remote = (struct kright){object, MSG_MOVE_SEND_ONCE};
    }
    msg->reply = (struct kright){0};
    msg->flags &= (uint8_t)~KMSG_STAMPED;
    msg->payload = false; /* a reply's may have been a call, and has been through a port */
    msg->local = 0;
    msg->priority = 0;
    msg->how_sent = how;
    return msg;
}

void notify_prepare(struct list *later, struct kright *to, uint32_t id, uint64_t body,
                    unsigned size)
{
    struct kmsg *msg = message_of(to);
    if (!msg)
        return;
    msg->id = id;
    msg->descriptors = 0;
    msg->length = (uint16_t)size;
    kmsg_body(msg)[0] = body;
    list_push_back(later, &msg->link);
}

bool notify_prepare_right(struct list *later, struct kright *to, uint32_t id,
                          struct kright *carried, uint64_t body)
{
    struct kmsg *msg = message_of(to);
    if (!msg)
        return false;
    msg->id = id;
    msg->descriptors = 1;
    msg->length = MSG_DESCRIPTOR_SIZE + sizeof(body);
    *kmsg_descriptor(msg, 0) = (struct msg_descriptor){.value = (uintptr_t)carried->object,
                                                       .kind = MSG_PORT,
                                                       .disposition = carried->kind};
    kmsg_body(msg)[MSG_DESCRIPTOR_SIZE / 8] = body;
    *carried = (struct kright){0};
    list_push_back(later, &msg->link);
    return true;
}

static void deliver(struct kmsg *msg)
{
    if (msg->remote.object->kind == IPC_REPLY) {
        struct reply *reply = container_of(msg->remote.object, struct reply, ipc);
        msg->remote = (struct kright){0};
        reply_deliver(reply, msg);
        return;
    }
    struct port *port = container_of(msg->remote.object, struct port, ipc);
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    if (alive)
        port_enqueue_locked(port, msg, false);
    spin_unlock(&port->lock);
    if (!alive)
        kmsg_destroy(msg);
}

void notify_deliver_all(struct list *later)
{
    struct list *link;
    while ((link = list_pop_front(later)))
        deliver(list_entry(link, struct kmsg, link));
}
