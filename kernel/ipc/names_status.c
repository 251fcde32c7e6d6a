/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at name spaces and at the ports and sets behind names, setting what receivers may set, and rights
 * into and out of a space by its task's port.
 */
#include "names.h"
#include <kern/notify.h>
#include <wharf/if/port_types.h>

/* ---- rights in and out ---- */

bool space_is_only_sender(struct space *space, struct port *port)
{
    spin_lock(&space->lock);
    uint32_t index = tree_find(space, &port->ipc);
    uint32_t own = index && (entry_rights(entry_at(space, index)) & RIGHT_SEND);
    spin_lock(&port->lock);
    bool only = port->senders == own;
    spin_unlock(&port->lock);
    spin_unlock(&space->lock);
    return only;
}

/* May the right come under this name? The lock is held. */
static kern_return_t check_name(struct space *space, mach_port_name_t name,
                                const struct kright *right)
{
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    if (entry_object(entry) == right->object && right->kind != MSG_MOVE_SEND_ONCE)
        return KERN_SUCCESS;
    return tree_find(space, right->object) ? KERN_RIGHT_EXISTS : KERN_NAME_EXISTS;
}

kern_return_t space_insert_as(struct space *space, mach_port_name_t name, struct kright *right,
                              mach_port_name_t *out)
{
    struct list later = LIST_INIT(later);
    if (right->kind == 0 || (name != MSG_NULL && !right->object))
        return KERN_INVALID_CAPABILITY;
    kern_return_t kr = space_reserve(space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&space->lock);
    if (name != MSG_NULL)
        kr = check_name(space, name, right);
    if (kr == KERN_SUCCESS)
        *out = space_insert_locked(space, right, &later);
    spin_unlock(&space->lock);
    if (kr != KERN_SUCCESS)
        space_unreserve(space, 1);
    notify_deliver(&later);
    return kr;
}

kern_return_t space_extract(struct space *space, mach_port_name_t name, unsigned disposition,
                            struct kright *out)
{
    struct list later = LIST_INIT(later);
    struct kright right;
    if (name == MSG_NULL || name == MSG_DEAD)
        return KERN_INVALID_NAME;
    spin_lock(&space->lock);
    kern_return_t kr = space_take(space, name, disposition, &right);
    if (kr == KERN_SUCCESS) {
        space_finish(space, name, disposition, &right, &later);
        *out = right;
    }
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}

/* ---- listings ---- */

/* The rights of an entry with some. Returns what it costs beyond looking at an entry without any, in units of that. */
static unsigned list_entry_at(struct space *space, uint32_t index, mach_port_name_t *name,
                              uint32_t *rights)
{
    enum { LISTED = 3, TURNED_DEAD = 18 };
    struct ipc_entry *entry = entry_at(space, index);
    unsigned before = entry_rights(entry);
    *name = index << 16 | atomic_load(&entry->bits) >> 16;
    (void)space_lookup(space, *name); /* a dead one says so */
    *rights = entry_rights(entry);
    return *rights == before ? LISTED : TURNED_DEAD;
}

uint32_t space_list(struct space *space, uint32_t position, uint32_t max, mach_port_name_t *names,
                    uint32_t *rights, uint32_t *next)
{
    enum { MOST = 112 };
    uint32_t count = 0, index = position ? position : 1;
    spin_lock(&space->lock);
    uint32_t end = space->fresh; /* N6 */
    for (unsigned cost = 0; cost < MOST && index < end && count < max; cost++, index++) {
        if (!entry_rights(entry_at(space, index)))
            continue;
        cost += list_entry_at(space, index, &names[count], &rights[count]);
        count++;
    }
    *next = index < end ? index : 0;
    spin_unlock(&space->lock);
    return count;
}

/* Names of the members behind the one last told. The locks of space and set are held. */
static kern_return_t list_members(struct port_set *set, const struct list *link,
                                  struct set_listing *listing)
{
    listing->all = set->member_count;
    for (; link != &set->members && listing->count < listing->max; link = link->next)
        listing->names[listing->count++] = list_entry(link, struct port, set_link)->name;
    listing->done = link == &set->members;
    return KERN_SUCCESS;
}

static kern_return_t list_set(struct space *space, struct port_set *set,
                              struct set_listing *listing)
{
    struct ipc_entry *entry = listing->after ? space_lookup(space, listing->after) : NULL;
    struct port *last =
        entry && (entry_rights(entry) & RIGHT_RECEIVE) ? port_of(entry_object(entry)) : NULL;
    kern_return_t kr = KERN_NOT_FOUND;
    spin_lock(&set->lock);
    if (!listing->after)
        kr = list_members(set, set->members.next, listing);
    else if (last && last->set == set)
        kr = list_members(set, last->set_link.next, listing);
    spin_unlock(&set->lock);
    return kr;
}

kern_return_t space_list_set(struct space *space, mach_port_name_t name,
                             struct set_listing *listing)
{
    kern_return_t kr;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!(entry_rights(entry) & RIGHT_SET))
        kr = KERN_INVALID_RIGHT;
    else
        kr = list_set(space, set_of(entry_object(entry)), listing);
    spin_unlock(&space->lock);
    return kr;
}

/* ---- the receiver's port ---- */

/* The port of a receive right, with its lock and the space's, which keeps it where it is. */
static kern_return_t lock_port(struct space *space, mach_port_name_t name, struct port **out)
{
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    bool receives = entry && (entry_rights(entry) & RIGHT_RECEIVE);
    if (!receives) {
        spin_unlock(&space->lock);
        return entry ? KERN_INVALID_RIGHT : KERN_INVALID_NAME;
    }
    *out = port_of(entry_object(entry));
    spin_lock(&(*out)->lock);
    return KERN_SUCCESS;
}

static void unlock_port(struct space *space, struct port *port)
{
    spin_unlock(&port->lock);
    spin_unlock(&space->lock);
}

kern_return_t space_receive_status(struct space *space, mach_port_name_t name,
                                   struct port_receive_status *status)
{
    struct port *port;
    kern_return_t kr = lock_port(space, name, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    *status = (struct port_receive_status){
        .set = port->set ? port->set->name : MSG_NULL,
        .seqno = port->seqno,
        .make_sends = port->make_sends,
        .messages = port->queued,
        .bytes = port->queued_bytes,
        .message_limit = port->limit,
        .byte_limit = port->byte_limit,
        .senders = port->senders,
        .no_senders = port->no_senders.object != NULL,
        .port_destroyed = port->destroyed.object != NULL,
        .payload = port->has_payload ? port->local : 0,
        .has_payload = port->has_payload,
    };
    unlock_port(space, port);
    return KERN_SUCCESS;
}

/* Each of those who wait now wakes the next when it has found room. */
kern_return_t space_set_limits(struct space *space, mach_port_name_t name, uint32_t messages,
                               uint32_t bytes)
{
    struct port *port;
    if (messages < 1 || messages > PORT_LIMIT_MAX || bytes == 0)
        return KERN_INVALID_VALUE;
    kern_return_t kr = lock_port(space, name, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    port->limit = messages;
    port->byte_limit = bytes;
    port_wake_sender_locked(port);
    unlock_port(space, port);
    return KERN_SUCCESS;
}

kern_return_t space_set_memory_limit(struct space *space, mach_port_name_t name, uint64_t bytes)
{
    struct port *port;
    uint64_t pages = bytes >> PAGE_SHIFT;
    if (pages > UINT32_MAX)
        return KERN_INVALID_VALUE;
    kern_return_t kr = lock_port(space, name, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    port->memory_limit = (uint32_t)pages;
    port_wake_sender_locked(port);
    unlock_port(space, port);
    return KERN_SUCCESS;
}

kern_return_t space_set_port_word(struct space *space, mach_port_name_t name, enum port_word word,
                                  uint64_t value)
{
    struct port *port;
    kern_return_t kr = lock_port(space, name, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    switch (word) {
    case PORT_WORD_SEQNO: port->seqno = (uint32_t)value; break;
    case PORT_WORD_MAKE_SENDS: port->make_sends = (uint32_t)value; break;
    case PORT_WORD_PAYLOAD:
    case PORT_WORD_NO_PAYLOAD:
        port->has_payload = word == PORT_WORD_PAYLOAD;
        port->local = port->has_payload ? value : name;
        break;
    }
    unlock_port(space, port);
    return KERN_SUCCESS;
}
