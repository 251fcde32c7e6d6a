/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port sets (kern/port.h: P4, P6).
 */
#include "ipc_impl.h"
#include <kern/kmem.h>
#include <kern/panic.h>
#include <kern/port.h>

static void init_set(void *memory)
{
    struct port_set *set = memory;
    set->ipc.kind = IPC_SET;
    spin_init(&set->lock, LOCK_SET);
    list_init(&set->receivers);
    list_init(&set->members);
    list_init(&set->ready);
}

static KMEM_CACHE_STABLE(set_cache, struct port_set, ledger, init_set);

kern_return_t set_create(struct ledger *ledger, struct port_set **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc_counted(&set_cache, ledger, LEDGER_PORTS, 1, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct port_set *set = memory;
    ledger_ref(ledger);
    spin_lock(&set->lock);
    set->ledger = ledger;
    set->alive = true;
    set->member_count = 0;
    atomic_store_explicit(&set->references, 1, memory_order_relaxed);
    spin_unlock(&set->lock);
    *out = set;
    return KERN_SUCCESS;
}

void set_unref(struct port_set *set)
{
    if (atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = set->ledger;
    assert(!set->alive && list_is_empty(&set->members) && list_is_empty(&set->receivers));
    kmem_free_counted(&set_cache, ledger, LEDGER_PORTS, 1, set);
    ledger_unref(ledger);
}

/* Both locks are held. */
static void leave_locked(struct port *port, struct port_set *set)
{
    list_remove(&port->set_link);
    list_remove(&port->ready_link);
    set->member_count--;
    port->set = NULL;
    port_note_detour_locked(port);
}

static void enter_locked(struct port *port, struct port_set *set)
{
    list_push_back(&set->members, &port->set_link);
    set->member_count++;
    port->set = set;
    port_note_detour_locked(port);
    if (!list_is_empty(&port->queue))
        list_push_back(&set->ready, &port->ready_link);
}

/* Messages the port brings along go to threads that wait for the set (P4). */
static void serve_waiters(struct port *port, struct port_set *set, struct list *later)
{
    while (!list_is_empty(&port->queue)) {
        spin_lock(&set->lock);
        struct thread *thread = msg_pop_waiter(&set->receivers);
        spin_unlock(&set->lock);
        if (!thread)
            return;
        thread->handed = port_dequeue_locked(port, later);
        relaxed_store(thread->inherited, thread->handed->priority); /* S4 */
        msg_wake_repeat(thread);
    }
}

void port_leave_set(struct port *port)
{
    spin_lock(&port->lock);
    struct port_set *set = port->set;
    if (set) {
        spin_lock(&set->lock);
        leave_locked(port, set);
        spin_unlock(&set->lock);
    }
    spin_unlock(&port->lock);
}

void port_enter_set(struct port *port, struct port_set *set, struct list *later)
{
    struct thread *thread;
    if (port->set == set)
        return;
    port_leave_set(port);
    spin_lock(&port->lock);
    while ((thread = msg_pop_waiter(&port->receivers)))
        msg_wake_error(thread, MACH_RCV_PORT_CHANGED);
    spin_lock(&set->lock);
    enter_locked(port, set);
    spin_unlock(&set->lock);
    serve_waiters(port, set, later);
    spin_unlock(&port->lock);
}

/* The first member, with a reference; NULL: none. */
static struct port *first_member(struct port_set *set)
{
    struct port *port = NULL;
    spin_lock(&set->lock);
    if (!list_is_empty(&set->members)) {
        port = list_entry(set->members.next, struct port, set_link);
        port_ref(port);
    }
    spin_unlock(&set->lock);
    return port;
}

bool set_destroy_some(struct port_set *set)
{
    enum { BATCH = 8 };
    for (unsigned n = 0; n < BATCH; n++) {
        struct port *port = first_member(set);
        spin_lock(&set->lock);
        set->alive = false;
        struct thread *thread = msg_pop_waiter(&set->receivers);
        spin_unlock(&set->lock);
        if (!port && !thread)
            return false;
        if (thread)
            msg_wake_error(thread, MACH_RCV_PORT_DIED);
        if (port) {
            port_leave_set(port);
            port_unref(port);
        }
    }
    return true;
}
