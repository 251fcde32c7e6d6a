/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census (kern/ipc_check.h), second half: compare what objects say of themselves with what was
 * found, and the other invariants of each kind of object.
 */
#include "census.h"
#include <arch/message.h>

/* ---- ports ---- */

static void check_counts(struct ipc_census *census, const struct ipc_found *found,
                         const struct port *port, bool exact)
{
    uint32_t references = atomic_load(&((struct port *)(uintptr_t)port)->references);
    /* Somebody else's receive right is the reaper's, or was not found. */
    census_expect(census, found->receives <= 1, "P1: more than one receive right", port);
    census_expect(census, found->receives == 0 || port->state == PORT_ALIVE,
                  "P1: a receive right to a dead port", port);
    census_expect(census, !exact || found->receives == (port->state == PORT_ALIVE),
                  "P1: no receive right to a live port", port);
    census_expect(census, exact ? port->senders == found->rights : port->senders >= found->rights,
                  "P3: senders", port);
    census_expect(census, exact ? references == found->references : references >= found->references,
                  "P3: references", port);
}

static void check_queue(struct ipc_census *census, const struct port *port, bool exact)
{
    const struct kmsg *msg;
    uint32_t count = 0, bytes = 0, pages = 0;
    list_for_each(msg, &port->queue, link) {
        count++;
        bytes += msg->length;
        pages += kmsg_memory_pages(msg);
    }
    if (port->state == PORT_DEAD) { /* P2; the reaper empties it without counting */
        census_expect(census, !exact || count == 0, "P2: a dead port's queue", port);
        return;
    }
    census_expect(census, port->queued == count, "`queued` is not the queue's length", port);
    census_expect(census, port->queued_bytes == bytes, "`queued_bytes`", port);
    census_expect(census, port->queued_memory == pages, "`queued_memory`", port);
    census_expect(census, list_is_linked(&port->set_link) == (port->set != NULL), "P6: set", port);
    census_expect(census, list_is_linked(&port->ready_link) == (port->set && count > 0),
                  "P6: ready", port);
}

/* The threads of a list wait there, and in that way; their number. */
static unsigned check_waiters(struct ipc_census *census, const struct list *list,
                              const struct spinlock *lock, enum wait_kind kind)
{
    unsigned count = 0;
    const struct thread *thread;
    list_for_each(thread, list, wait.link) {
        struct thread *t = (struct thread *)(uintptr_t)thread;
        census_expect(census,
                      atomic_load(&t->state) == THREAD_WAITING &&
                          atomic_load(&t->wait.queue_lock) == lock && t->wait.kind == kind,
                      "W4: a thread on a list of waiters", t);
        count++;
    }
    return count;
}

/* P5, for the one who waits first. */
static bool is_full_for(const struct port *port, const struct thread *sender)
{
    uint32_t length = msg_length(arch_message_get(&sender->arch, MSG_X_CONTROL));
    return port->queued >= port->limit ||
           (port->queued > 0 && port->queued_bytes + length > port->byte_limit);
}

static void check_detour(struct ipc_census *census, const struct port *port)
{
    unsigned needed = (port->set ? PORT_DETOUR_SET : 0) |
                      (list_is_empty(&port->blocked) ? 0 : PORT_DETOUR_SENDERS);
    unsigned queue = list_is_empty(&port->queue) ? 0 : PORT_DETOUR_QUEUE;
    needed |= port_has_armed_request(port) ? PORT_DETOUR_ASKED : 0;
    census_expect(census,
                  (port->detour & needed) == needed && (port->detour & PORT_DETOUR_QUEUE) == queue,
                  "P7: detour", port);
}

static void check_port_waiters(struct ipc_census *census, const struct ipc_found *found,
                               const struct port *port, bool exact)
{
    unsigned receivers = check_waiters(census, &port->receivers, &port->lock, WAIT_RECEIVE);
    unsigned blocked = check_waiters(census, &port->blocked, &port->lock, WAIT_SEND);
    if (port->state == PORT_DEAD) {
        census_expect(census, !exact || receivers + blocked == 0, "P2: waiters of a dead port",
                      port);
        return;
    }
    check_detour(census, port);
    census_expect(census,
                  receivers == 0 || (list_is_empty(&port->queue) && !port->set && port->space),
                  "P4: receivers of a port", port);
    census_expect(census,
                  blocked == 0 || found->turns > 0 ||
                      is_full_for(port, list_entry(port->blocked.next, struct thread, wait.link)),
                  "P5: a sender waits though there is room", port);
}

static void check_requests(struct ipc_census *census, const struct port *port)
{
    const struct name_request *request;
    list_for_each(request, &port->requests, port_link) {
        const struct ipc_entry *entry = space_peek(request->space, request->name);
        bool there = entry && entry->request == request;
        /* A dead port's may have lost its name. */
        census_expect(census, there || port->state == PORT_DEAD, "a request without a name", port);
    }
}

static void check_port(struct ipc_census *census, const struct ipc_found *found, bool exact)
{
    const struct port *port = found->object;
    census_expect(census, port->state == PORT_ALIVE || port->state == PORT_DEAD,
                  "a right to a port that is free", port);
    census_expect(census, !spin_is_held(&port->lock), "a port's lock is held", port);
    check_counts(census, found, port, exact);
    check_queue(census, port, exact);
    check_port_waiters(census, found, port, exact);
    check_requests(census, port);
}

/* ---- the rest ---- */

static void check_set(struct ipc_census *census, const struct ipc_found *found)
{
    struct port_set *set = (struct port_set *)(uintptr_t)found->object;
    const struct port *port;
    unsigned members = 0, ready = 0;
    list_for_each(port, &set->members, set_link) {
        census_expect(census, port->set == set, "a member of another set", port);
        members++;
    }
    list_for_each(port, &set->ready, ready_link) {
        census_expect(census, port->set == set && !list_is_empty(&port->queue), "P6: on `ready`",
                      port);
        ready++;
    }
    census_expect(census, members == set->member_count && ready <= members, "a set's members", set);
    unsigned receivers = check_waiters(census, &set->receivers, &set->lock, WAIT_RECEIVE);
    census_expect(census, receivers == 0 || ready == 0, "P4: receivers of a set", set);
    /* Not alive: a name whose removal goes on in pieces. */
    census_expect(census, atomic_load(&set->references) == 1 && found->references <= 1,
                  "a set's references", set);
}

static void check_reply(struct ipc_census *census, const struct ipc_found *found, bool exact)
{
    struct reply *reply = (struct reply *)(uintptr_t)found->object;
    uint32_t state = atomic_load(&reply->state) & REPLY_STATE_MASK;
    bool right = state == REPLY_OPEN || state == REPLY_WAITED || state == REPLY_ORPHAN;
    census_expect(census, state != REPLY_CLAIMED, "Y2: claimed, and nobody is at it", reply);
    census_expect(census, found->rights <= right, "Y1: a right too much", reply);
    census_expect(census, !exact || found->rights == right, "Y1: no right to an open reply", reply);
    census_expect(census, found->references == 0 || state != REPLY_ORPHAN, "Y3: an owned orphan",
                  reply);
    census_expect(census, !exact || found->references == (state != REPLY_ORPHAN), "Y3: its owner",
                  reply);
    if (found->references == 0)
        return;
    struct thread *owner = reply->owner;
    enum wait_kind kind = reply->for_exception ? WAIT_EXCEPTION : WAIT_REPLY;
    bool waits = atomic_load(&owner->state) == THREAD_WAITING &&
                 !atomic_load(&owner->wait.queue_lock) && owner->wait.kind == kind;
    census_expect(census, waits == (state == REPLY_WAITED), "Y2: the owner's wait", reply);
}

static void check_found(struct ipc_census *census, const struct ipc_found *found, bool exact)
{
    switch (found->kind) {
    case IPC_PORT: check_port(census, found, exact); break;
    case IPC_SET: check_set(census, found); break;
    case IPC_REPLY: check_reply(census, found, exact); break;
    case IPC_SONCE:
        census_expect(census, found->rights == 1, "O2: a send-once right in two places",
                      found->object);
        break;
    default:
        census_expect(census, found->rights == 1, "M3: a message in two places", found->object);
        break;
    }
}

bool ipc_check(struct ipc_census *census, struct task *const *task, unsigned count, bool exact)
{
    census_take(census, task, count);
    for (uint32_t i = 0; i < census->used && !census->wrong; i++)
        check_found(census, &census->found[i], exact);
    return census->wrong == NULL;
}
