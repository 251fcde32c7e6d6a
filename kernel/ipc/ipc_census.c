/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census (kern/ipc_check.h), first half: follow every right. Objects are looked into in the order of
 * their discovery, so that nothing recurs; each is looked into once.
 */
#include "census.h"
#include <kern/string.h>

/* ---- the table ---- */

static uint32_t place_of(const struct ipc_census *census, const void *object)
{
    uint32_t mask = 2 * census->capacity - 1;
    uint32_t place = (uint32_t)((uintptr_t)object >> 4) * UINT32_C(0x9e3779b1) & mask;
    while (census->slot[place] && census->found[census->slot[place] - 1].object != object)
        place = (place + 1) & mask;
    return place;
}

const struct ipc_found *ipc_census_of(const struct ipc_census *census, const void *object)
{
    uint32_t number = census->slot[place_of(census, object)];
    return number ? &census->found[number - 1] : NULL;
}

/* Of an object that may be new. When the table is full everything else is counted in its last entry, which
 * then is wrong; that has been said before. */
static struct ipc_found *note(struct ipc_census *census, const void *object, uint8_t kind)
{
    uint32_t place = place_of(census, object);
    if (!census->slot[place]) {
        if (census->used == census->capacity) {
            census_complain(census, "the table is too small", object);
            return &census->found[census->used - 1];
        }
        census->found[census->used] = (struct ipc_found){.object = object, .kind = kind};
        census->slot[place] = ++census->used;
    }
    return &census->found[census->slot[place] - 1];
}

/* ---- rights ---- */

static void note_send_once(struct ipc_census *census, const struct ipc_object *object)
{
    struct ipc_found *found = note(census, object, object->kind);
    if (object->kind == IPC_PORT)
        found->references++; /* the destination of a message that is on its way */
    else
        found->rights++;
    census_expect(census, object->kind != IPC_SET, "a send-once right to a set", object);
}

static void note_right(struct ipc_census *census, const struct ipc_object *object, unsigned kind)
{
    if (!object)
        return;
    if (kind == MSG_MOVE_SEND_ONCE) {
        note_send_once(census, object);
        return;
    }
    census_expect(census, kind == MSG_MOVE_SEND || kind == MSG_MOVE_RECEIVE, "a right of no kind",
                  object);
    if (object->kind != IPC_PORT) {
        census_complain(census, "a send or receive right, not to a port", object);
        return;
    }
    struct ipc_found *found = note(census, object, IPC_PORT);
    found->references++;
    if (kind == MSG_MOVE_SEND)
        found->rights++;
    else
        found->receives++;
}

/* ---- messages ---- */

static void note_message(struct ipc_census *census, const struct kmsg *msg)
{
    if (msg)
        note(census, msg, IPC_FOUND_MESSAGE)->rights++;
}

static void note_carried(struct ipc_census *census, const struct kmsg *msg,
                         const struct ipc_object *object, unsigned kind)
{
    note_right(census, object, kind);
    if (!object || kind != MSG_MOVE_RECEIVE || object->kind != IPC_PORT)
        return;
    const struct port *port = container_of(object, struct port, ipc);
    const struct ipc_object *to = msg->remote.object;
    census_expect(census, !port->space && !port->set, "P1: in transit and in a space or set", port);
    census_expect(census, port->transit == (to ? container_of(to, struct port, ipc) : NULL),
                  "P1: in transit to somewhere else", port);
}

static void look_into_message(struct ipc_census *census, const struct kmsg *msg)
{
    note_right(census, msg->remote.object, msg->remote.kind);
    note_right(census, msg->reply.object, msg->reply.kind);
    census_expect(census, msg->length <= msg->room * KMSG_ROOM_UNIT,
                  "a message longer than its room", msg);
    for (unsigned i = 0; i < msg->descriptors; i++) {
        const struct msg_descriptor *d = kmsg_descriptor((struct kmsg *)(uintptr_t)msg, i);
        if (d->kind == MSG_PORT)
            note_carried(census, msg, (const struct ipc_object *)(uintptr_t)d->value,
                         d->disposition);
    }
    for (const struct kport_array *array = msg->arrays; array; array = array->next)
        for (uint32_t i = 0; i < array->count; i++)
            note_carried(census, msg, array->object[i], array->kind);
}

/* ---- objects ---- */

static void look_into_port(struct ipc_census *census, const struct port *port)
{
    const struct kmsg *msg;
    const struct name_request *request;
    list_for_each(msg, &port->queue, link) {
        note_message(census, msg);
        census_expect(census, msg->remote.object == &port->ipc, "M1: on another port's queue", msg);
    }
    note_right(census, port->no_senders.object, port->no_senders.kind);
    note_right(census, port->destroyed.object, port->destroyed.kind);
    list_for_each(request, &port->requests, port_link)
        note_right(census, request->notify.object, request->notify.kind);
    if (port->set)
        (void)note(census, &port->set->ipc, IPC_SET);
}

static void look_into_sonce(struct ipc_census *census, const struct sonce *sonce)
{
    if (!sonce->port) {
        census_complain(census, "a send-once right whose message is on its way", sonce);
        return;
    }
    struct ipc_found *found = note(census, &sonce->port->ipc, IPC_PORT);
    found->references++;
    found->sonces++;
}

static void look_into_reply(struct ipc_census *census, struct reply *reply)
{
    if ((atomic_load(&reply->state) & REPLY_STATE_MASK) == REPLY_DONE)
        note_message(census, reply->answer);
}

static void look_into(struct ipc_census *census, const struct ipc_found *found)
{
    struct ipc_object *object = (struct ipc_object *)(uintptr_t)found->object;
    if (found->kind == IPC_FOUND_MESSAGE)
        look_into_message(census, found->object);
    else if (object->kind != found->kind)
        census_complain(census, "an object of another kind", object);
    else if (object->kind == IPC_PORT)
        look_into_port(census, port_of(object));
    else if (object->kind == IPC_SONCE)
        look_into_sonce(census, sonce_of(object));
    else if (object->kind == IPC_REPLY)
        look_into_reply(census, reply_of(object));
}

/* ---- where it begins ---- */

static void look_into_entry(struct ipc_census *census, struct space *space, uint32_t index)
{
    const struct ipc_entry *entry = entry_at(space, index);
    struct ipc_object *object = entry_object(entry);
    uint32_t bits = atomic_load(&((struct ipc_entry *)(uintptr_t)entry)->bits);
    unsigned rights = bits & RIGHT_ALL;
    census_expect(census, !(bits & ENTRY_LIMBO), "N1: in the midst of taking", entry);
    if (!object)
        return;
    if (rights & RIGHT_SEND)
        note_right(census, object, MSG_MOVE_SEND);
    if (rights & RIGHT_SEND_ONCE)
        note_right(census, object, MSG_MOVE_SEND_ONCE);
    if (rights & RIGHT_SET)
        note(census, object, IPC_SET)->references++;
    if (rights & RIGHT_RECEIVE) {
        const struct port *port = port_of(object);
        note_right(census, object, MSG_MOVE_RECEIVE);
        census_expect(census, port->space == space && port->name == (index << 16 | bits >> 16),
                      "P1: the receive right has another name", port);
        census_expect(census, port->has_payload || port->local == port->name,
                      "local is neither payload nor name", port);
    }
    const struct name_request *request = entry->request;
    if (request)
        census_expect(census, request->space == space && request->name >> 16 == index,
                      "a request at another name", entry);
}

/* A kernel object's port: the kernel has the receive right. */
static void look_into_kobject(struct ipc_census *census, const struct port *port,
                              const void *object)
{
    if (!port)
        return;
    note_right(census, &port->ipc, MSG_MOVE_RECEIVE);
    census_expect(census, port->object == object && port->kobject && !port->space,
                  "P1: a kernel object's port", port);
}

/* It has been woken because there is room there, and has not looked yet. */
static void note_turn(struct ipc_census *census, const struct port *port)
{
    struct ipc_found *found = note(census, &port->ipc, IPC_PORT);
    found->references++;
    found->turns++;
}

static void look_into_thread(struct ipc_census *census, struct thread *thread)
{
    bool waits = atomic_load(&thread->state) == THREAD_WAITING;
    look_into_kobject(census, thread->self_port, thread);
    note_message(census, thread->handed);
    census_expect(census, !thread->handed || !waits, "M3: handed to a thread that waits", thread);
    if (thread->held)
        note_right(census, &thread->held->ipc, MSG_MOVE_SEND_ONCE);
    if (thread->reply) {
        note(census, &thread->reply->ipc, IPC_REPLY)->references++;
        census_expect(census, thread->reply->owner == thread, "Y3: owned by another thread",
                      thread);
    }
    if (thread->send_turn)
        note_turn(census, thread->send_turn);
}

static void look_into_task(struct ipc_census *census, struct task *task)
{
    struct space *space = task->space;
    uint32_t limit = atomic_load(&space->limit);
    census_expect(census, space_check(space), "N1, N2, N5: space_check()", space);
    for (uint32_t i = 1; i < limit; i++)
        look_into_entry(census, space, i);
    look_into_kobject(census, task->self_port, task);
    struct thread *thread;
    list_for_each(thread, &task->threads, task_link)
        look_into_thread(census, thread);
}

void census_take(struct ipc_census *census, struct task *const *task, unsigned count)
{
    census->used = 0;
    census->wrong = NULL;
    census->at = NULL;
    memset(census->slot, 0, 2 * (size_t)census->capacity * sizeof(census->slot[0]));
    for (unsigned i = 0; i < count; i++)
        if (task[i])
            look_into_task(census, task[i]);
    for (uint32_t i = 0; i < census->used && !census->wrong; i++)
        look_into(census, &census->found[i]);
}
