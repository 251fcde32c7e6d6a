/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a task asks about its names without sending rights: ports made in one piece, what is behind a name, being told of a death.
 */
#include "names.h"
#include <kern/kobj.h>
#include <kern/notify.h>

/* ---- a port in one piece ---- */

/* The set of a name. The lock is held. */
static kern_return_t find_set(struct space *space, mach_port_name_t name, struct port_set **out)
{
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    if (!(entry_rights(entry) & RIGHT_SET))
        return KERN_INVALID_RIGHT;
    *out = set_of(entry_object(entry));
    return (*out)->alive ? KERN_SUCCESS : KERN_INVALID_NAME; /* its end has begun */
}

static mach_port_name_t name_port(struct space *space, struct port *port, uint64_t payload,
                                  struct port_set *set, struct list *later)
{
    struct ipc_entry *entry;
    const mach_port_name_t name = entry_new(space, &port->ipc, RIGHT_RECEIVE, &entry);
    port_named(port, space, name);
    port->has_payload = true; /* nobody else has a right to it */
    port->local = payload;
    if (set)
        port_enter_set(port, set, later);
    return name;
}

kern_return_t space_construct(struct space *space, uint64_t payload, mach_port_name_t set_name,
                              mach_port_name_t *out)
{
    struct list later = LIST_INIT(later);
    struct port *port;
    struct port_set *set = NULL;
    kern_return_t kr = space_reserve(space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_create(space->ledger, &port);
    if (kr != KERN_SUCCESS) {
        space_unreserve(space, 1);
        return kr;
    }
    spin_lock(&space->lock);
    if (set_name != MSG_NULL)
        kr = find_set(space, set_name, &set);
    if (kr == KERN_SUCCESS)
        *out = name_port(space, port, payload, set, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    if (kr != KERN_SUCCESS) {
        space_unreserve(space, 1);
        port_destroy_receive(port);
    }
    return kr;
}

/* ---- what is behind a name ---- */

kern_return_t space_kobject(struct space *space, mach_port_name_t name, enum kobject *out)
{
    kern_return_t kr = KERN_SUCCESS;
    *out = KOBJECT_NONE;
    spin_lock(&space->lock);
    const struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!(entry_rights(entry) & RIGHT_SEND))
        kr = KERN_INVALID_RIGHT;
    else
        *out = (enum kobject)relaxed_load(
            port_of(entry_object(entry))->kobject); /* the entry keeps the port */
    spin_unlock(&space->lock);
    return kr;
}

kern_return_t space_find_object(struct space *space, mach_port_name_t name, enum kobject kind,
                                void **out)
{
    kern_return_t kr = KERN_SUCCESS;
    *out = NULL;
    spin_lock(&space->lock);
    const struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!(entry_rights(entry) & RIGHT_SEND))
        kr = KERN_INVALID_RIGHT;
    else {
        struct port *port = port_of(entry_object(entry));
        spin_lock(&port->lock);
        *out = kobj_acquire_locked(port, kind);
        spin_unlock(&port->lock);
        kr = *out ? KERN_SUCCESS : KERN_INVALID_TASK;
    }
    spin_unlock(&space->lock);
    return kr;
}

/* The lock is held. */
static kern_return_t check_watch(struct space *space, mach_port_name_t name)
{
    const struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    return entry->request ? KERN_EXISTS : KERN_SUCCESS;
}

kern_return_t space_watch(struct space *space, mach_port_name_t name, mach_port_name_t to)
{
    struct list later = LIST_INIT(later);
    struct kright notify = {0};
    spin_lock(&space->lock);
    kern_return_t kr = check_watch(space, name);
    if (kr == KERN_SUCCESS)
        kr = space_take(space, to, MSG_MAKE_SEND_ONCE, &notify);
    if (kr == KERN_SUCCESS) {
        do /* once more at most: a name whose port has died is a dead name then */
            kr = request_at_name(space, name, MSG_ID_DEAD_NAME, 1, &notify, &later);
        while (kr == KERN_RETRY);
        if (kr != KERN_SUCCESS)
            space_untake(space, to, MSG_MAKE_SEND_ONCE, &notify, &later);
        else if (entry_at(space, name >> 16)->request)
            entry_at(space, name >> 16)->request->quiet = true;
    }
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}
