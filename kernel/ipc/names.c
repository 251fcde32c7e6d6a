/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about names: allocate, deallocate, user references, types, sets; requests to be told of a
 * port's death. Each takes the space's lock, changes all or nothing, and tells others when no
 * lock is held.
 */
#include "names.h"
#include <kern/kmem.h>
#include <kern/notify.h>
#include <kern/panic.h>

static KMEM_CACHE(request_cache, struct name_request);

/* ---- names ---- */

static kern_return_t allocate_object(struct space *space, unsigned right, struct ipc_object **out)
{
    kern_return_t kr;
    struct port *port;
    struct port_set *set;
    if (right == RIGHT_RECEIVE && (kr = port_create(space->ledger, &port)) == KERN_SUCCESS)
        *out = &port->ipc;
    else if (right == RIGHT_SET && (kr = set_create(space->ledger, &set)) == KERN_SUCCESS)
        *out = &set->ipc;
    else if (right == RIGHT_DEAD)
        kr = KERN_SUCCESS;
    else if (right != RIGHT_RECEIVE && right != RIGHT_SET)
        kr = KERN_INVALID_VALUE;
    return kr;
}

/* Its receive right has this name. */
void port_named(struct port *port, struct space *space, mach_port_name_t name)
{
    spin_lock(&port->lock);
    port->space = space;
    port->name = name;
    port->local = name;
    spin_unlock(&port->lock);
}

kern_return_t space_allocate(struct space *space, unsigned right, mach_port_name_t *out)
{
    struct ipc_object *object = NULL;
    struct ipc_entry *entry;
    kern_return_t kr = space_reserve(space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = allocate_object(space, right, &object);
    if (kr != KERN_SUCCESS) {
        space_unreserve(space, 1);
        return kr;
    }
    spin_lock(&space->lock);
    mach_port_name_t name = entry_new(space, object, right, &entry);
    if (right == RIGHT_DEAD)
        entry->urefs = 1;
    if (right == RIGHT_RECEIVE)
        port_named(port_of(object), space, name);
    if (right == RIGHT_SET)
        set_of(object)->name = name;
    spin_unlock(&space->lock);
    *out = name;
    return KERN_SUCCESS;
}

/* Drop `count` user references of an entry's one counted right. The last frees it; the right is then in
 * *gone. */
static void drop_urefs(struct space *space, mach_port_name_t name, struct ipc_entry *entry,
                       uint32_t count, struct kright *gone, struct list *later)
{
    unsigned rights = entry_rights(entry);
    entry->urefs -= count;
    if (entry->urefs > 0)
        return;
    *gone = (struct kright){entry_object(entry),
                            rights & RIGHT_SEND_ONCE ? MSG_MOVE_SEND_ONCE : MSG_MOVE_SEND};
    if (rights & RIGHT_SEND) {
        struct port *port = port_of(entry_object(entry));
        spin_lock(&port->lock); /* N3 */
        entry_take_right(entry, RIGHT_SEND);
        spin_unlock(&port->lock);
    } else {
        entry_take_right(entry, RIGHT_SEND_ONCE | RIGHT_DEAD);
    }
    if (!entry_rights(entry))
        entry_free(space, name, entry, later);
}

/* The receive right or set of an entry goes. KERN_RETRY: a set has members left. */
static kern_return_t drop_single(struct space *space, mach_port_name_t name,
                                 struct ipc_entry *entry, struct kright *gone, struct list *later)
{
    struct ipc_object *object = entry_object(entry);
    if (entry_rights(entry) & RIGHT_SET) {
        if (set_destroy_some(set_of(object)))
            return KERN_RETRY;
        entry_free(space, name, entry, later);
        set_unref(set_of(object));
        return KERN_SUCCESS;
    }
    struct port *port = port_of(object);
    spin_lock(&port->lock); /* N3 */
    entry_take_right(entry, RIGHT_RECEIVE);
    spin_unlock(&port->lock);
    port_leave_space(port, true); /* the port-destroyed notification tells the payload */
    *gone = (struct kright){object, MSG_MOVE_RECEIVE};
    if (!entry_rights(entry))
        entry_free(space, name, entry, later);
    return KERN_SUCCESS;
}

static kern_return_t check_delta(const struct ipc_entry *entry, unsigned right, int32_t delta)
{
    if (!(entry_rights(entry) & right))
        return KERN_INVALID_RIGHT;
    if (right & (RIGHT_RECEIVE | RIGHT_SET | RIGHT_SEND_ONCE))
        return delta == 0 || delta == -1 ? KERN_SUCCESS : KERN_INVALID_VALUE;
    if (delta < 0 && entry->urefs < (uint32_t) - (int64_t)delta)
        return KERN_INVALID_VALUE;
    if (delta > 0 && (uint32_t)delta > SPACE_UREFS_MAX - entry->urefs)
        return KERN_UREFS_OVERFLOW;
    return KERN_SUCCESS;
}

static kern_return_t change_locked(struct space *space, mach_port_name_t name, unsigned right,
                                   int32_t delta, struct kright *gone, struct list *later)
{
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    kern_return_t kr = check_delta(entry, right, delta);
    if (kr != KERN_SUCCESS || delta == 0)
        return kr;
    if (right & (RIGHT_RECEIVE | RIGHT_SET))
        return drop_single(space, name, entry, gone, later);
    if (delta > 0)
        entry->urefs += (uint32_t)delta;
    else
        drop_urefs(space, name, entry, (uint32_t) - (int64_t)delta, gone, later);
    return KERN_SUCCESS;
}

kern_return_t space_mod_refs(struct space *space, mach_port_name_t name, unsigned right,
                             int32_t delta)
{
    struct list later = LIST_INIT(later);
    struct kright gone = {0};
    if (right != RIGHT_SEND && right != RIGHT_RECEIVE && right != RIGHT_SEND_ONCE &&
        right != RIGHT_SET && right != RIGHT_DEAD)
        return KERN_INVALID_VALUE;
    spin_lock(&space->lock);
    kern_return_t kr = change_locked(space, name, right, delta, &gone, &later);
    spin_unlock(&space->lock);
    kright_destroy(&gone);
    notify_deliver(&later);
    return kr;
}

kern_return_t space_deallocate(struct space *space, mach_port_name_t name)
{
    struct list later = LIST_INIT(later);
    struct kright gone = {0};
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!(entry_rights(entry) & (RIGHT_SEND | RIGHT_SEND_ONCE | RIGHT_DEAD)))
        kr = KERN_INVALID_RIGHT;
    else
        drop_urefs(space, name, entry, 1, &gone, &later);
    spin_unlock(&space->lock);
    kright_destroy(&gone);
    notify_deliver(&later);
    return kr;
}

kern_return_t space_get_refs(struct space *space, mach_port_name_t name, unsigned right,
                             uint32_t *out)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!right || (right & (right - 1)) || (right & ~(unsigned)RIGHT_ALL))
        kr = KERN_INVALID_VALUE;
    else if (!(entry_rights(entry) & right))
        *out = 0;
    else
        *out = right & (RIGHT_SEND | RIGHT_DEAD) ? entry->urefs : 1;
    spin_unlock(&space->lock);
    return kr;
}

kern_return_t space_type(struct space *space, mach_port_name_t name, uint32_t *out)
{
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (entry)
        *out = entry_rights(entry);
    spin_unlock(&space->lock);
    return entry ? KERN_SUCCESS : KERN_INVALID_NAME;
}

/* May the port of `entry` go into the set of `set_entry` or, if no set is `named`, out of its own? */
static kern_return_t check_member(struct ipc_entry *entry, struct ipc_entry *set_entry, bool named)
{
    if (!entry || (named && !set_entry))
        return KERN_INVALID_NAME;
    if (!(entry_rights(entry) & RIGHT_RECEIVE) || (named && !(entry_rights(set_entry) & RIGHT_SET)))
        return KERN_INVALID_RIGHT;
    if (named && !set_of(entry_object(set_entry))->alive)
        return KERN_INVALID_NAME; /* its end has begun */
    return KERN_SUCCESS;
}

kern_return_t space_move_member(struct space *space, mach_port_name_t member, mach_port_name_t name)
{
    struct list later = LIST_INIT(later);
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, member);
    struct ipc_entry *set_entry = name ? space_lookup(space, name) : NULL;
    kern_return_t kr = check_member(entry, set_entry, name != 0);
    if (kr == KERN_SUCCESS && name)
        port_enter_set(port_of(entry_object(entry)), set_of(entry_object(set_entry)), &later);
    else if (kr == KERN_SUCCESS)
        port_leave_set(port_of(entry_object(entry)));
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}

/* ---- requests to be told of a name's port ---- */

static kern_return_t request_create(struct space *space, mach_port_name_t name,
                                    struct kright *notify, struct name_request **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&request_cache, space->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct name_request *request = memory;
    list_init(&request->port_link);
    space_ref(space);
    request->space = space;
    request->name = name;
    request->notify = *notify;
    ledger_ref(space->ledger);
    request->ledger = space->ledger;
    *notify = (struct kright){0};
    *out = request;
    return KERN_SUCCESS;
}

static void request_free(struct name_request *request)
{
    struct ledger *ledger = request->ledger;
    struct space *space = request->space;
    kmem_free(&request_cache, ledger, request);
    ledger_unref(ledger);
    space_unref(space);
}

/* Take the entry's request off its port; NULL: the port's death has it already. The space's lock is held. */
static struct name_request *request_claim(struct ipc_entry *entry)
{
    struct name_request *request = entry->request;
    struct ipc_object *object = entry_object(entry);
    entry->request = NULL;
    if (!request || !object)
        return NULL;
    struct port *port = port_of(object);
    spin_lock(&port->lock);
    bool linked = list_is_linked(&request->port_link);
    list_remove(&request->port_link);
    spin_unlock(&port->lock);
    return linked ? request : NULL;
}

void request_cancel(struct space *space, struct ipc_entry *entry, struct list *later)
{
    (void)space;
    struct name_request *request = request_claim(entry);
    if (!request)
        return;
    if (request->quiet)
        sonce_free(sonce_of(request->notify.object)); /* nobody else has heard of it */
    else
        notify_prepare(later, &request->notify, MSG_ID_PORT_DELETED, request->name, 4);
    request_free(request);
}

void request_fire_dead(struct name_request *request)
{
    struct list later = LIST_INIT(later);
    struct space *space = request->space;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, request->name);
    bool there = entry && entry->request == request && (entry_rights(entry) & RIGHT_DEAD);
    if (there) {
        entry->request = NULL;
        if (entry->urefs < SPACE_UREFS_MAX)
            entry->urefs++;
    }
    spin_unlock(&space->lock);
    if (!there && request->quiet)
        sonce_free(sonce_of(request->notify.object));
    else
        notify_prepare(&later, &request->notify, there ? MSG_ID_DEAD_NAME : MSG_ID_PORT_DELETED,
                       request->name, 4);
    request_free(request);
    notify_deliver(&later);
}

/* The first request of a port that is armed; they stand before the others, the longest armed first. */
static struct name_request *first_armed(struct port *port)
{
    return port_has_armed_request(port)
               ? list_entry(port->requests.next, struct name_request, port_link)
               : NULL;
}

bool request_fire_possible_locked(struct port *port, struct list *later)
{
    enum { BATCH = 4 };
    struct name_request *request;
    for (unsigned n = 0; n < BATCH && (request = first_armed(port)); n++) {
        request->armed = false;
        list_remove(&request->port_link);
        list_push_back(&port->requests, &request->port_link);
        notify_prepare(later, &request->notify, MSG_ID_SEND_POSSIBLE, request->name, 4);
    }
    port_note_detour_locked(port);
    return first_armed(port);
}

/* Behind those that are armed already. */
static void insert_armed(struct port *port, struct name_request *request)
{
    struct name_request *before;
    request->armed = true;
    list_remove(&request->port_link);
    list_for_each(before, &port->requests, port_link)
        if (!before->armed)
            break;
    list_insert_between(&request->port_link, before->port_link.prev, &before->port_link);
    port_note_detour_locked(port);
}

void request_arm_locked(struct space *space, mach_port_name_t name, struct port *port)
{
    struct ipc_entry *entry = entry_at(space, name >> 16);
    struct name_request *request = entry->request;
    if (!request || !request->send_possible || entry_object(entry) != &port->ipc ||
        !list_is_linked(&request->port_link))
        return;
    insert_armed(port, request);
}

/* The name is dead already: told at once if `sync`. */
static kern_return_t request_at_dead(struct ipc_entry *entry, mach_port_name_t name, uint32_t sync,
                                     struct kright *notify, struct list *later)
{
    if (!notify->object)
        return KERN_SUCCESS;
    if (!sync)
        return KERN_INVALID_ARGUMENT;
    if (entry->urefs >= SPACE_UREFS_MAX)
        return KERN_UREFS_OVERFLOW;
    entry->urefs++;
    notify_prepare(later, notify, MSG_ID_DEAD_NAME, name, 4);
    return KERN_SUCCESS;
}

/* Put the request on its port's list. False: the port has died. */
static bool request_link(struct name_request *request, struct port *port, bool now,
                         struct list *later)
{
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    if (alive && now) {
        insert_armed(port, request);
        if (port->queued < port->limit)
            (void)request_fire_possible_locked(port, later);
    } else if (alive) {
        list_push_back(&port->requests, &request->port_link);
    }
    spin_unlock(&port->lock);
    return alive;
}

/* The previous request's right goes to the caller. */
static void request_replace(struct ipc_entry *entry, struct name_request *request,
                            struct kright *notify)
{
    struct name_request *before = request_claim(entry);
    if (before) {
        *notify = before->notify;
        request_free(before);
    }
    entry->request = request;
}

/* Requests at the name of a send right: dead name, send possible. KERN_RETRY: the port has just died. */
kern_return_t request_at_name(struct space *space, mach_port_name_t name, unsigned id,
                              uint32_t sync, struct kright *notify, struct list *later)
{
    struct ipc_entry *entry = space_lookup(space, name);
    struct name_request *request = NULL;
    if (!entry)
        return KERN_INVALID_NAME;
    if (entry_rights(entry) & RIGHT_DEAD)
        return request_at_dead(entry, name, sync, notify, later);
    if (!(entry_rights(entry) & (RIGHT_SEND | RIGHT_RECEIVE)))
        return KERN_INVALID_RIGHT;
    if (!notify->object) {
        request_replace(entry, NULL, notify);
        return KERN_SUCCESS;
    }
    kern_return_t kr = request_create(space, name, notify, &request);
    if (kr != KERN_SUCCESS)
        return kr;
    request->send_possible = id == MSG_ID_SEND_POSSIBLE;
    struct name_request *before = request_claim(entry);
    entry->request = request;
    if (!request_link(request, port_of(entry_object(entry)), request->send_possible && sync,
                      later)) {
        entry->request = NULL;
        *notify = request->notify;
        request_free(request);
        kr = KERN_RETRY;
    }
    if (before) {
        if (kr == KERN_SUCCESS)
            *notify = before->notify;
        else
            notify_prepare(later, &before->notify, MSG_ID_PORT_DELETED, name, 4);
        request_free(before);
    }
    return kr;
}

/* Requests of the receive right: no senders, port destroyed. */
static kern_return_t request_at_port(struct space *space, mach_port_name_t name, unsigned id,
                                     uint32_t sync, struct kright *notify, struct list *later)
{
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    if (!(entry_rights(entry) & RIGHT_RECEIVE))
        return KERN_INVALID_RIGHT;
    struct port *port = port_of(entry_object(entry));
    spin_lock(&port->lock);
    struct kright *slot = id == MSG_ID_NO_SENDERS ? &port->no_senders : &port->destroyed;
    struct kright before = *slot;
    *slot = *notify;
    *notify = before;
    if (id == MSG_ID_NO_SENDERS && slot->object && port->senders == 0 && port->make_sends >= sync)
        notify_prepare(later, slot, MSG_ID_NO_SENDERS, port->make_sends, 4);
    spin_unlock(&port->lock);
    return KERN_SUCCESS;
}

kern_return_t space_request_notification(struct space *space, mach_port_name_t name, unsigned id,
                                         uint32_t sync, struct kright *notify)
{
    struct list later = LIST_INIT(later);
    kern_return_t kr = KERN_INVALID_VALUE;
    if (notify->object && notify->kind != MSG_MOVE_SEND_ONCE)
        return KERN_INVALID_RIGHT;
    spin_lock(&space->lock);
    if (id == MSG_ID_DEAD_NAME || id == MSG_ID_SEND_POSSIBLE)
        do /* once more at most: a name whose port has died is a dead name then */
            kr = request_at_name(space, name, id, sync, notify, &later);
        while (kr == KERN_RETRY);
    else if (id == MSG_ID_NO_SENDERS || id == MSG_ID_PORT_DESTROYED)
        kr = request_at_port(space, name, id, sync, notify, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}
