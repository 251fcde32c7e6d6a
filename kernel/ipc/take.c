/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights out of a name space, into a message or a call; and into it. Taking is done in two steps
 * with the space's lock held throughout, so that an error leaves everything as it was:
 *
 *    space_take() for each right     the entry loses it, but keeps its name
 *    space_untake() in reverse       ... everything as before, or
 *    space_finish() for each         names without rights are freed, receive rights leave their ports'
 *                                    waiters and sets
 */
#include "names.h"
#include <kern/notify.h>
#include <kern/paged_object.h>
#include <kern/panic.h>

/* ---- taking; the space's lock is held ---- */

/* One user reference of a send right. The last takes the entry's right along, others a copy. */
static void take_send(struct ipc_entry *entry, struct port *port)
{
    if (entry->urefs > 1) {
        port_copy_send(port);
        entry->urefs--;
        return;
    }
    spin_lock(&port->lock); /* N3 */
    entry_take_right(entry, RIGHT_SEND);
    spin_unlock(&port->lock);
    entry->urefs = 0;
}

static kern_return_t take_dead(struct ipc_entry *entry, unsigned disposition, struct kright *out)
{
    if (disposition == MSG_MOVE_SEND || disposition == MSG_MOVE_SEND_ONCE) {
        if (--entry->urefs == 0)
            entry_take_right(entry, RIGHT_DEAD);
    } else if (disposition != MSG_COPY_SEND) {
        return KERN_INVALID_RIGHT;
    }
    out->object = NULL;
    return KERN_SUCCESS;
}

static kern_return_t take_made(struct space *space, struct port *port, unsigned disposition,
                               struct kright *out)
{
    if (disposition == MSG_MAKE_SEND) {
        spin_lock(&port->lock);
        port_make_send(port);
        spin_unlock(&port->lock);
        out->object = &port->ipc;
        return KERN_SUCCESS;
    }
    struct sonce *sonce;
    kern_return_t kr = sonce_create(port, space->ledger, &sonce);
    if (kr == KERN_SUCCESS)
        out->object = &sonce->ipc;
    return kr;
}

static void take_receive(struct ipc_entry *entry, struct port *port)
{
    spin_lock(&port->lock); /* N3 */
    entry_take_right(entry, RIGHT_RECEIVE);
    spin_unlock(&port->lock);
}

unsigned msg_kind_of(unsigned disposition)
{
    switch (disposition) {
    case MSG_MOVE_RECEIVE: return MSG_MOVE_RECEIVE;
    case MSG_MOVE_SEND:
    case MSG_COPY_SEND:
    case MSG_MAKE_SEND: return MSG_MOVE_SEND;
    case MSG_MOVE_SEND_ONCE:
    case MSG_MAKE_SEND_ONCE: return MSG_MOVE_SEND_ONCE;
    default: return 0;
    }
}

/* What an entry must have for a disposition. */
static unsigned needed_right(unsigned disposition)
{
    switch (disposition) {
    case MSG_MOVE_SEND:
    case MSG_COPY_SEND: return RIGHT_SEND;
    case MSG_MOVE_SEND_ONCE: return RIGHT_SEND_ONCE;
    default: return RIGHT_RECEIVE;
    }
}

kern_return_t space_take(struct space *space, mach_port_name_t name, unsigned disposition,
                         struct kright *out)
{
    unsigned kind = msg_kind_of(disposition);
    if (!kind)
        return KERN_INVALID_VALUE;
    if (name == MSG_NULL || name == MSG_DEAD) {
        *out = (struct kright){NULL, name == MSG_NULL ? 0 : (uint8_t)kind};
        return disposition == MSG_MOVE_RECEIVE || disposition >= MSG_MAKE_SEND ? KERN_INVALID_NAME
                                                                               : KERN_SUCCESS;
    }
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        return KERN_INVALID_NAME;
    struct kright right = {entry_object(entry), (uint8_t)kind};
    kern_return_t kr = KERN_SUCCESS;
    if (entry_rights(entry) & RIGHT_DEAD) {
        kr = take_dead(entry, disposition, &right);
    } else if (!(entry_rights(entry) & needed_right(disposition))) {
        return KERN_INVALID_RIGHT;
    } else {
        switch (disposition) {
        case MSG_MOVE_RECEIVE: take_receive(entry, port_of(right.object)); break;
        case MSG_MOVE_SEND: take_send(entry, port_of(right.object)); break;
        case MSG_MOVE_SEND_ONCE:
            entry_take_right(entry, RIGHT_SEND_ONCE);
            entry->urefs = 0;
            break;
        case MSG_COPY_SEND: port_copy_send(port_of(right.object)); break;
        default: kr = take_made(space, port_of(right.object), disposition, &right); break;
        }
    }
    if (kr == KERN_SUCCESS)
        *out = right;
    return kr;
}

static void untake_send(struct ipc_entry *entry, struct port *port)
{
    /* It was a copy; of a name that has been found dead meanwhile, perhaps. */
    if (entry_rights(entry) & (RIGHT_SEND | RIGHT_DEAD)) {
        struct list unused = LIST_INIT(unused);
        spin_lock(&port->lock);
        port_drop_send_locked(port, &unused); /* the entry still has one, or the port is dead */
        spin_unlock(&port->lock);
        port_unref(port);
    } else {
        spin_lock(&port->lock);
        entry_set_rights(entry, entry_rights(entry) | RIGHT_SEND);
        spin_unlock(&port->lock);
    }
    entry->urefs++;
}

/* Made or copied. Of a port whose last other right has gone meanwhile it was the last one. */
static void untake_made(struct kright *right, unsigned disposition, struct list *later)
{
    if (disposition == MSG_MAKE_SEND_ONCE) {
        sonce_free(sonce_of(right->object)); /* nobody has heard of it */
        return;
    }
    struct port *port = port_of(right->object);
    spin_lock(&port->lock);
    port->make_sends -= disposition == MSG_MAKE_SEND;
    port_drop_send_locked(port, later);
    spin_unlock(&port->lock);
    port_unref(port);
}

void space_untake(struct space *space, mach_port_name_t name, unsigned disposition,
                  struct kright *right, struct list *later)
{
    struct kright taken = *right;
    *right = (struct kright){0};
    if (name == MSG_NULL || name == MSG_DEAD)
        return;
    struct ipc_entry *entry = entry_at(space, name >> 16);
    if (!taken.object) {
        if (disposition != MSG_COPY_SEND) {
            entry_set_rights(entry, RIGHT_DEAD);
            entry->urefs++;
        }
        return;
    }
    switch (disposition) {
    case MSG_MOVE_RECEIVE:
        spin_lock(&port_of(taken.object)->lock);
        entry_set_rights(entry, entry_rights(entry) | RIGHT_RECEIVE);
        spin_unlock(&port_of(taken.object)->lock);
        break;
    case MSG_MOVE_SEND: untake_send(entry, port_of(taken.object)); break;
    case MSG_MOVE_SEND_ONCE:
        entry_set_rights(entry, RIGHT_SEND_ONCE);
        entry->urefs = 1;
        break;
    default: untake_made(&taken, disposition, later); break;
    }
}

void space_finish(struct space *space, mach_port_name_t name, unsigned disposition,
                  const struct kright *right, struct list *later)
{
    if (name == MSG_NULL || name == MSG_DEAD)
        return;
    if (disposition == MSG_MOVE_RECEIVE)
        port_leave_space(port_of(right->object), false);
    struct ipc_entry *entry = entry_at(space, name >> 16);
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_relaxed);
    /* The same name may have been taken twice: only the first finds it without rights. */
    if (bits >> 16 == (name & 0xffff) && (bits & ENTRY_LIMBO))
        entry_free(space, name, entry, later);
}

/* ---- inserting; the space's lock is held ---- */

static bool port_is_dead(struct port *port)
{
    spin_lock(&port->lock);
    bool dead = port->state != PORT_ALIVE;
    spin_unlock(&port->lock);
    return dead;
}

static mach_port_name_t name_of(struct space *space, uint32_t index)
{
    struct ipc_entry *entry = entry_at(space, index);
    return index << 16 | atomic_load_explicit(&entry->bits, memory_order_relaxed) >> 16;
}

static mach_port_name_t insert_send(struct space *space, struct port *port, struct list *later)
{
    struct ipc_entry *entry;
    uint32_t index = tree_find(space, &port->ipc);
    if (!index) {
        /* It may have died since: a dead port is told by its state. */
        unsigned kernel = relaxed_load(port->kobject) ? ENTRY_KERNEL : 0;
        mach_port_name_t name = entry_new(space, &port->ipc, RIGHT_SEND | kernel, &entry);
        entry->urefs = 1;
        return name;
    }
    space->reserved--;
    entry = entry_at(space, index);
    spin_lock(&port->lock);
    if (entry_rights(entry) & RIGHT_SEND)
        port_drop_send_locked(port, later); /* the entry has one already: not the last */
    else
        entry_set_rights(entry, entry_rights(entry) | RIGHT_SEND);
    spin_unlock(&port->lock);
    if (entry->urefs > 0)
        port_unref(port);
    if (entry->urefs < SPACE_UREFS_MAX)
        entry->urefs++;
    return name_of(space, index);
}

static mach_port_name_t insert_receive(struct space *space, struct port *port)
{
    struct ipc_entry *entry;
    mach_port_name_t name;
    uint32_t index = tree_find(space, &port->ipc);
    transit_end(port);
    if (index) {
        space->reserved--;
        entry = entry_at(space, index);
        name = name_of(space, index);
    } else {
        name = entry_new(space, &port->ipc, RIGHT_RECEIVE, &entry);
    }
    spin_lock(&port->lock);
    entry_set_rights(entry, entry_rights(entry) | RIGHT_RECEIVE);
    port->space = space;
    port->name = name;
    if (!port->has_payload)
        port->local = name;
    if (unlikely(port->object && !port->kobject))
        paged_object_moved(port->object);
    spin_unlock(&port->lock);
    return name;
}

static mach_port_name_t insert_send_once(struct space *space, struct ipc_object *object)
{
    struct ipc_entry *entry;
    mach_port_name_t name = entry_new(space, object, RIGHT_SEND_ONCE, &entry);
    entry->urefs = 1;
    return name;
}

mach_port_name_t space_insert_locked(struct space *space, struct kright *right, struct list *later)
{
    struct kright r = *right;
    *right = (struct kright){0};
    if (!r.object) {
        space->reserved--;
        return r.kind ? MSG_DEAD : MSG_NULL;
    }
    if (r.kind == MSG_MOVE_RECEIVE)
        return insert_receive(space, port_of(r.object));
    if (r.kind == MSG_MOVE_SEND_ONCE)
        return insert_send_once(space, r.object);
    struct port *port = port_of(r.object);
    if (port_is_dead(port)) {
        space->reserved--;
        spin_lock(&port->lock);
        port->senders--;
        spin_unlock(&port->lock);
        port_unref(port);
        return MSG_DEAD;
    }
    return insert_send(space, port, later);
}

mach_port_name_t space_insert(struct space *space, struct kright *right)
{
    struct list later = LIST_INIT(later);
    spin_lock(&space->lock);
    mach_port_name_t name = space_insert_locked(space, right, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return name;
}

kern_return_t space_receive_port(struct space *space, mach_port_name_t name, struct port **out)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&space->lock);
    struct ipc_entry *entry = space_lookup(space, name);
    if (!entry)
        kr = KERN_INVALID_NAME;
    else if (!(entry_rights(entry) & RIGHT_RECEIVE))
        kr = KERN_INVALID_RIGHT;
    else
        port_ref(*out = port_of(entry_object(entry)));
    spin_unlock(&space->lock);
    return kr;
}
