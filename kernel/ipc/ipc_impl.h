/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of kernel/ipc share and nobody else needs.
 */
#pragma once

#include <kern/kmsg.h>
#include <kern/port.h>
#include <kern/reply.h>
#include <kern/space.h>
#include <kern/thread.h>

/* More of enum kmsg_flags: where an embedded message lies. */
enum { KMSG_IN_SONCE = 4, KMSG_IN_REPLY = 8, KMSG_IN_TIMER = KMSG_OWNED };

/* O3 */
static_assert(offsetof(struct port, lock) == offsetof(struct port_set, lock) &&
              offsetof(struct port, lock) == offsetof(struct sonce, no_lock) &&
              offsetof(struct port, lock) == offsetof(struct reply, no_lock));

static inline struct port *port_of(struct ipc_object *object)
{
    return container_of(object, struct port, ipc);
}
static inline struct port_set *set_of(struct ipc_object *object)
{
    return container_of(object, struct port_set, ipc);
}
static inline struct sonce *sonce_of(struct ipc_object *object)
{
    return container_of(object, struct sonce, ipc);
}
static inline struct reply *reply_of(struct ipc_object *object)
{
    return container_of(object, struct reply, ipc);
}

/* ---- kmsg.c ---- */
/** The destination's right is used up. No lock held. */
void kmsg_drop_remote(struct kmsg *msg);
/** Destroy reply and descriptors' rights; the message stays. No lock held. */
void kmsg_destroy_rights(struct kmsg *msg);

/* ---- port.c ---- */
/** Free a send-once right's memory; its port reference has gone elsewhere or goes here. */
void sonce_free(struct sonce *sonce);
/** The receive right leaves its space: out of its set, waiters told MACH_RCV_PORT_CHANGED, counts reset. The
 *  space's lock is held, the port's not. `keep_payload`: for a port-destroyed notification. */
void port_leave_space(struct port *port, bool keep_payload);

/** The receive right of `port` goes into a message to `dest` (NULL: to no port). MACH_SEND_CIRCULAR:
 *  it would wait in its own queue; KERN_LIMIT: too many receive rights wait in one another's
 *  queues. The space's lock may be held. */
kern_return_t transit_begin(struct port *port, struct port *dest);
/** It has arrived, or goes with its message. */
void transit_end(struct port *port);
/** Somebody asked to be told when there is room, and is to be told (struct name_request: armed). Those stand first. The lock is
 *  held. */
static inline bool port_has_armed_request(const struct port *port)
{
    return !list_is_empty(&port->requests) &&
           list_entry(port->requests.next, struct name_request, port_link)->armed;
}
/** Set, queue, blocked senders or armed requests have changed (port->detour). The lock is held. */
static inline void port_note_detour_locked(struct port *port)
{
    unsigned detour = (port->set ? PORT_DETOUR_SET : 0) |
                      (list_is_empty(&port->blocked) ? 0 : PORT_DETOUR_SENDERS) |
                      (list_is_empty(&port->queue) ? 0 : PORT_DETOUR_QUEUE) |
                      (port_has_armed_request(port) ? PORT_DETOUR_ASKED : 0);
    relaxed_store(port->detour, (uint8_t)detour);
}
/** port_enqueue_locked(), but true: it is on the queue, and the caller sees to it that port->server hurries. */
bool port_put_locked(struct port *port, struct kmsg *msg, bool counted);
/** A place in the queue is free: a sender that waits for it is woken. The lock is held. */
void port_wake_sender_locked(struct port *port);
/** The queue is empty and its receiver about to wait: wake some of those who wait for room, and tell some of those who
 *  asked to be told. True: there are more, and the receiver comes again. The lock is held. */
bool port_call_senders_locked(struct port *port, struct list *later);
/** Note who received from the port last. Returns whom the caller unrefs after unlocking, or NULL. The
 *  lock is held. */
static inline struct thread *port_note_server_locked(struct port *port, struct thread *server)
{
    struct thread *before = port->server;
    if (before == server)
        return NULL;
    thread_ref(server);
    port->server = server;
    return before;
}

/* ---- names.c ---- */
/** The port behind the request has died; the reaper took it off the port's list. No lock held. */
void request_fire_dead(struct name_request *request);

/* ---- reply.c ---- */
void reply_free(struct reply *reply);
/** Take the owner's wait, if the state word is this, for oneself: it is the caller's to wake, and the state CLAIMED. */
bool reply_claim(struct reply *reply, uint32_t word);
/** End the wait for a handler's answer, if it lasts: the owner runs on with its registers as they are. */
bool reply_end_exception(struct reply *reply, struct thread *owner);
/** Make the current thread's reply IDLE: an old answer is given up. Errors of reply_create(). */
kern_return_t reply_prepare(struct thread *self);
/** The current thread waits for its answer. False: it does not; *why: KERN_RETRY if the answer has come. */
bool reply_wait(struct thread *self, ticks_t until, kern_return_t *why);

/* ---- wait lists ---- */
/** Put the current thread on a list of waiters and stop it; the list's lock is held. True: it waits. Else
 *  *why says why not (late, aborted). */
bool msg_wait(struct thread *self, enum wait_kind kind, struct spinlock *lock, struct list *list,
              bool at_front, ticks_t until, kern_return_t *why);
/** Wake a thread that has been taken off its list: it fails with `result`, all other message registers
 *  zero. */
void msg_wake_error(struct thread *thread, kern_return_t result);
/** Wake a thread that has been taken off its list: it repeats its trap. */
void msg_wake_repeat(struct thread *thread);
/** First waiter of a list, taken off; NULL: none. The list's lock is held. */
struct thread *msg_pop_waiter(struct list *list);
