/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports and the rights to them, apart from names (kern/port.h: P1 to P6).
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/notify.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/pressure.h>
#include <kern/sched.h>
#include <kern/swap.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <stdatomic.h>

static void init_port(void *memory)
{
    struct port *port = memory;
    port->ipc.kind = IPC_PORT;
    spin_init(&port->lock, LOCK_PORT);
    list_init(&port->receivers);
    list_init(&port->queue);
    list_init(&port->blocked);
    list_init(&port->set_link);
    list_init(&port->ready_link);
    list_init(&port->requests);
    list_init(&port->reap_link);
}

static void init_sonce(void *memory)
{
    struct sonce *sonce = memory;
    sonce->ipc.kind = IPC_SONCE;
}

static KMEM_CACHE_STABLE(port_cache, struct port, transit, init_port);
static KMEM_CACHE_STABLE(sonce_cache, struct sonce, room, init_sonce);

/* ---- life ---- */

/* Everything a lookup without a lock may see changes under the lock (O1); state and kind, which is_dead() and
 * insert_send() read without it, by single accesses. */
static void begin_life(struct port *port, struct ledger *ledger, enum kobject kind, void *object)
{
    spin_lock(&port->lock);
    relaxed_store(port->kobject, (uint8_t)kind);
    relaxed_store(port->object, object);
    port->has_payload = false;
    port->local = 0;
    port->seqno = 0;
    port->queued = port->queued_bytes = port->queued_memory = 0;
    port->queue_priority = 0;
    port->limit = PORT_LIMIT_DEFAULT;
    port->byte_limit = PORT_BYTES_DEFAULT;
    port->memory_limit = PORT_MEMORY_DEFAULT;
    port->senders = port->make_sends = 0;
    port->name = 0;
    port->space = NULL;
    port->set = NULL;
    relaxed_store(port->detour, 0);
    port->server = NULL;
    port->transit = NULL;
    port->no_senders = port->destroyed = (struct kright){0};
    port->ledger = ledger;
    atomic_store_explicit(&port->references, 1, memory_order_relaxed);
    relaxed_store(port->state, PORT_ALIVE);
    spin_unlock(&port->lock);
}

kern_return_t port_create_kobject(struct ledger *ledger, enum kobject kind, void *object,
                                  struct port **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc_counted(&port_cache, ledger, LEDGER_PORTS, 1, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    ledger_ref(ledger);
    begin_life(memory, ledger, kind, object);
    *out = memory;
    return KERN_SUCCESS;
}

kern_return_t port_create(struct ledger *ledger, struct port **out)
{
    return port_create_kobject(ledger, KOBJECT_NONE, NULL, out);
}

static void port_free(struct port *port)
{
    struct ledger *ledger = port->ledger;
    spin_lock(&port->lock);
    assert(port->state == PORT_DEAD && port->senders == 0);
    relaxed_store(port->state, PORT_FREE);
    spin_unlock(&port->lock);
    kmem_free_counted(&port_cache, ledger, LEDGER_PORTS, 1, port);
    ledger_unref(ledger);
}

void port_unref(struct port *port)
{
    if (atomic_fetch_sub_explicit(&port->references, 1, memory_order_acq_rel) == 1)
        port_free(port);
}

/* Its death leaves nothing that has to be taken down (reap_step()), nor will it (P2). The lock is held. */
static bool is_bare(const struct port *port)
{
    return list_is_empty(&port->queue) && list_is_empty(&port->receivers) &&
           list_is_empty(&port->blocked) && list_is_empty(&port->requests) && !port->server &&
           !port->set && !port->no_senders.object && !port->destroyed.object;
}

/* The receive right and its reference are gone: to the reaper, if there is something for it. */
static void die(struct port *port)
{
    spin_lock(&port->lock);
    relaxed_store(port->state, PORT_DEAD);
    if (unlikely(port->object && !port->kobject))
        paged_object_pager_died(port->object);
    if (unlikely(port->default_pager))
        swap_pager_died();
    if (unlikely(port->pressure_watcher))
        pressure_watcher_died();
    port->default_pager = port->pressure_watcher = false;
    relaxed_store(port->kobject, KOBJECT_NONE);
    relaxed_store(port->object, NULL);
    port->space = NULL;
    bool bare = is_bare(port);
    if (!bare)
        reaper_add(port);
    spin_unlock(&port->lock);
    if (bare)
        port_unref(port);
}

void port_destroy_kobject(struct port *port)
{
    die(port);
}

/* The request of port-destroyed gets the right instead of its death. Not if the right would then wait
 * in its own queue. */
static bool give_to_requester(struct port *port)
{
    struct list later = LIST_INIT(later);
    spin_lock(&port->lock);
    struct kright to = port->destroyed, right = {&port->ipc, MSG_MOVE_RECEIVE};
    uint64_t payload = port->has_payload ? port->local : 0;
    port->has_payload = false;
    port->local = 0;
    port->destroyed = (struct kright){0};
    spin_unlock(&port->lock);
    if (!to.object)
        return false;
    struct port *dest = to.object->kind == IPC_SONCE ? sonce_of(to.object)->port : NULL;
    if (transit_begin(port, dest) != KERN_SUCCESS) {
        kright_destroy(&to);
        return false;
    }
    (void)notify_prepare_right(&later, &to, MSG_ID_PORT_DESTROYED, &right, payload);
    notify_deliver(&later);
    return true;
}

void port_destroy_receive(struct port *port)
{
    transit_end(port);
    if (!give_to_requester(port))
        die(port);
}

/* ---- where receive rights in messages are going: no circles ---- */

static struct spinlock move_lock = SPINLOCK_INIT(LOCK_MOVE);

kern_return_t transit_begin(struct port *port, struct port *dest)
{
    enum { DEPTH_MAX = 32 };
    unsigned depth = 0;
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&move_lock);
    /* A port in transit is kept alive by the message it is in, that one's destination by it. */
    for (struct port *p = dest; p && kr == KERN_SUCCESS; p = p->transit)
        kr = p == port ? MACH_SEND_CIRCULAR : ++depth > DEPTH_MAX ? KERN_LIMIT : KERN_SUCCESS;
    if (kr == KERN_SUCCESS)
        port->transit = dest;
    spin_unlock(&move_lock);
    return kr;
}

void transit_end(struct port *port)
{
    spin_lock(&move_lock);
    port->transit = NULL;
    spin_unlock(&move_lock);
}

void port_leave_space(struct port *port, bool keep_payload)
{
    if (port->set)
        port_leave_set(port);
    spin_lock(&port->lock);
    struct thread *thread;
    bool dies = keep_payload && !port->destroyed.object;
    while ((thread = msg_pop_waiter(&port->receivers)))
        msg_wake_error(thread, dies ? MACH_RCV_PORT_DIED : MACH_RCV_PORT_CHANGED);
    port->space = NULL;
    port->name = 0;
    if (!keep_payload || !port->has_payload) {
        port->has_payload = false;
        port->local = 0;
    }
    port->seqno = 0;
    port->make_sends = 0;
    struct kmsg *msg; /* those put back stand first, and get new numbers */
    list_for_each(msg, &port->queue, link) {
        if (!(msg->flags & KMSG_STAMPED))
            break;
        msg->flags &= (uint8_t)~KMSG_STAMPED;
    }
    spin_unlock(&port->lock);
}

/* ---- rights ---- */

void port_make_send(struct port *port)
{
    port_ref(port);
    port->senders++;
    port->make_sends++;
}

struct kright port_send_right(struct port *port)
{
    struct kright right = {NULL, MSG_MOVE_SEND};
    spin_lock(&port->lock);
    if (port->state == PORT_ALIVE) {
        port_make_send(port);
        right.object = &port->ipc;
    }
    spin_unlock(&port->lock);
    return right;
}

void port_copy_send(struct port *port)
{
    port_ref(port);
    spin_lock(&port->lock);
    port->senders++;
    spin_unlock(&port->lock);
}

void port_drop_send_locked(struct port *port, struct list *later)
{
    port->senders--;
    if (unlikely(port->kobject))
        kobj_sender_gone(port);
    if (port->senders == 0 && port->state == PORT_ALIVE)
        notify_prepare(later, &port->no_senders, MSG_ID_NO_SENDERS, port->make_sends, 4);
}

kern_return_t sonce_create(struct port *port, struct ledger *ledger, struct sonce **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&sonce_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct sonce *sonce = memory;
    port_ref(port);
    sonce->port = port;
    ledger_ref(ledger);
    sonce->ledger = ledger;
    sonce->message = (struct kmsg){0};
    kmsg_init_embedded(&sonce->message);
    sonce->message.flags |= KMSG_IN_SONCE;
    *out = sonce;
    return KERN_SUCCESS;
}

void sonce_free(struct sonce *sonce)
{
    struct ledger *ledger = sonce->ledger;
    if (sonce->port)
        port_unref(sonce->port);
    kmem_free(&sonce_cache, ledger, sonce);
    ledger_unref(ledger);
}

static void destroy_send(struct port *port)
{
    struct list later = LIST_INIT(later);
    spin_lock(&port->lock);
    port_drop_send_locked(port, &later);
    spin_unlock(&port->lock);
    port_unref(port);
    notify_deliver(&later);
}

static void destroy_send_once(struct kright *right)
{
    struct list later = LIST_INIT(later);
    if (right->object->kind == IPC_REPLY) {
        reply_destroy_right(reply_of(right->object));
        return;
    }
    notify_prepare(&later, right, MSG_ID_SEND_ONCE, 0, 0);
    notify_deliver(&later);
}

void kright_destroy_object(struct kright *right)
{
    struct kright gone = *right;
    *right = (struct kright){0};
    switch (gone.kind) {
    case MSG_MOVE_SEND: destroy_send(port_of(gone.object)); break;
    case MSG_MOVE_SEND_ONCE: destroy_send_once(&gone); break;
    case MSG_MOVE_RECEIVE: port_destroy_receive(port_of(gone.object)); break;
    default: panic("ipc: right of kind %u", gone.kind);
    }
}

/* ---- queue ---- */

/* Who gets the message that the caller has for the port. NULL: it goes onto the queue, and the port is
 * on its set's list already (P6): between two holds of the set's lock a receiver could come and find
 * nothing. Who finds the port there waits for its lock. */
static struct thread *pop_receiver(struct port *port)
{
    struct port_set *set = port->set;
    if (!set)
        return msg_pop_waiter(&port->receivers);
    spin_lock(&set->lock);
    struct thread *thread = msg_pop_waiter(&set->receivers);
    if (!thread && !list_is_linked(&port->ready_link))
        list_push_back(&set->ready, &port->ready_link);
    spin_unlock(&set->lock);
    return thread;
}

/* `receiver`: NULL: the current thread. */
static void stamp(struct port *port, struct kmsg *msg, const struct thread *receiver)
{
    if (unlikely(trace_is_on(TRACE_MESSAGE_RECEIVE)))
        msg_trace_receive(msg, receiver);
    msg->local = port->local;
    msg->payload = port->has_payload;
    if (msg->flags & KMSG_STAMPED)
        return;
    msg->seqno = port->seqno++;
    msg->flags |= KMSG_STAMPED;
}

/* P6: a message has been taken; the set goes on with another member. */
static inline void rotate(struct port *port)
{
    struct port_set *set = port->set;
    if (!set)
        return;
    spin_lock(&set->lock);
    list_remove(&port->ready_link);
    if (!list_is_empty(&port->queue))
        list_push_back(&set->ready, &port->ready_link);
    spin_unlock(&set->lock);
}

bool port_put_locked(struct port *port, struct kmsg *msg, bool counted)
{
    struct thread *receiver = list_is_empty(&port->queue) ? pop_receiver(port) : NULL;
    if (receiver) {
        if (counted)
            port->queued--;
        stamp(port, msg, receiver);
        receiver->handed = msg;
        relaxed_store(receiver->inherited, msg->priority); /* S4: from the moment it is ready */
        msg_wake_repeat(receiver);
        return false;
    }
    if (!counted)
        port->queued++;
    port->queued_bytes += msg->length;
    port->queued_memory += kmsg_memory_pages(msg);
    list_push_back(&port->queue, &msg->link);
    port_note_detour_locked(port);
    if (msg->priority > port->queue_priority)
        port->queue_priority = msg->priority;
    return true;
}

void port_enqueue_locked(struct port *port, struct kmsg *msg, bool counted)
{
    uint8_t priority =
        msg->priority; /* the message may be anybody's when it has been handed over */
    if (port_put_locked(port, msg, counted) && priority > 0 && port->server)
        sched_lend_priority(port->server, priority);
}

/* P5: a place has become free. One sender more is woken for each; it looks again by itself. */
void port_wake_sender_locked(struct port *port)
{
    if (list_is_empty(&port->blocked) || port->queued >= port->limit)
        return;
    struct thread *sender = msg_pop_waiter(&port->blocked);
    if (sender) {
        port_ref(port);
        sender->send_turn = port;
        msg_wake_repeat(sender);
    }
}

void port_sender_left_locked(struct spinlock *lock)
{
    port_wake_sender_locked(container_of(lock, struct port, lock));
}

bool port_call_senders_locked(struct port *port, struct list *later)
{
    enum { BATCH = 4 };
    for (unsigned n = 0; n < BATCH && !list_is_empty(&port->blocked); n++)
        port_wake_sender_locked(port);
    bool fired = request_fire_possible_locked(port, later);
    return fired || !list_is_empty(&port->blocked);
}

struct kmsg *port_dequeue_locked(struct port *port, struct list *later)
{
    struct list *link = list_pop_front(&port->queue);
    if (!link)
        return NULL;
    struct kmsg *msg = list_entry(link, struct kmsg, link);
    port_note_detour_locked(port);
    port->queued--;
    port->queued_bytes -= msg->length;
    port->queued_memory -= kmsg_memory_pages(msg);
    /* Who takes this one is to hurry for those behind it, too. */
    if (list_is_empty(&port->queue))
        port->queue_priority = 0;
    else if (msg->priority < port->queue_priority)
        msg->priority = port->queue_priority;
    stamp(port, msg, NULL);
    rotate(port);
    if (!list_is_empty(&port->blocked))
        port_wake_sender_locked(port);
    if (!list_is_empty(&port->requests))
        (void)request_fire_possible_locked(port, later);
    return msg;
}

void port_put_back(struct port *port, struct kmsg *msg)
{
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    struct thread *receiver = alive ? pop_receiver(port) : NULL;
    if (receiver) {
        stamp(port, msg, receiver); /* its name or payload may be another now */
        receiver->handed = msg;
        relaxed_store(receiver->inherited, msg->priority);
        msg_wake_repeat(receiver);
    } else if (alive) {
        port->queued++;
        port->queued_bytes += msg->length;
        port->queued_memory += kmsg_memory_pages(msg);
        list_push_front(&port->queue, &msg->link);
        port_note_detour_locked(port);
    }
    spin_unlock(&port->lock);
    if (!alive)
        kmsg_destroy(msg);
}
