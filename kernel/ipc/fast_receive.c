/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of who waits for messages, with nothing to be sent before, or an answer by the name of a reply whose owner waits (MIG_NO_REPLY and answers that
 * are given later: <libsys/server.h>). Nothing is there to be received: the thread goes to wait, and the client that it has answered takes over, or whoever
 * else is ready and most urgent. What is not so is left to kern_msg(). Until the line "from here on" of each function nothing has been changed.
 *
 * What is done here is what msg.c, send.c, receive.c and sched.c would do:
 *  - N3: the name to receive from is looked up without the space's lock, and looked at again under the port's or the set's;
 *  - W1, W2, W4: the thread is put on the list of waiters under its lock, which is held until its registers are saved and it is known to wait;
 *  - Y1, Y2, Y4: the reply goes WAITED -> IDLE, and its owner is ours to wake;
 *  - T3: who told the thread to die while it was about to wait found nothing to end: its wait is ended here.
 */
#include "fast_impl.h"
#include <arch/message.h>
#include <kern/sched.h>
#include <kern/wait.h>

/* A list of those who wait for messages of a port or set that has none. */
struct place {
    struct spinlock *lock; /* held */
    struct list *waiters;
};

static inline bool lock_set(struct ipc_entry *entry, uint32_t bits, struct place *out)
{
    struct port_set *set = entry_peek_set(entry);
    if (unlikely(!set || !spin_trylock(&set->lock)))
        return false;
    *out = (struct place){&set->lock, &set->receivers};
    if (likely(relaxed_load(entry->bits) == bits && set->alive && list_is_empty(&set->ready)))
        return true;
    spin_unlock(&set->lock);
    return false;
}

static inline bool lock_port(struct ipc_entry *entry, uint32_t bits, struct place *out)
{
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return false;
    *out = (struct place){&port->lock, &port->receivers};
    if (likely(relaxed_load(port->head) ==
               PORT_HEAD)) /* and no message, nor a sender without room */
        return true;
    spin_unlock(&port->lock);
    return false;
}

/* False: nothing is locked; there is something to be received, or it is not as it is most of the time. */
static inline bool lock_place(struct thread *self, mach_port_name_t name, struct place *out)
{
    uint32_t bits;
    struct ipc_entry *entry =
        find_entry(self, &self->receives_from, name, RIGHT_RECEIVE | RIGHT_SET, &bits);
    /* A reply that is held is lost first; a message that was handed over comes first; who was woken because there is room has a turn to pass on. */
    if (unlikely(!entry || self->held || self->handed || self->send_turn))
        return false;
    return bits & RIGHT_SET ? lock_set(entry, bits, out) : lock_port(entry, bits, out);
}

static inline void enter(struct thread *self, const struct place *place)
{
    self->wait.kind = WAIT_RECEIVE;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    list_push_back(place->waiters, &self->wait.link);
    relaxed_store(self->wait.queue_lock, place->lock); /* W4 */
}

/* It waits. The place's lock is held, and released. */
static inline void leave(struct thread *self, const struct place *place)
{
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE)) { /* T3 */
        list_remove(&self->wait.link);
        msg_wake_error(self, MACH_RCV_INTERRUPTED);
    }
    spin_unlock(place->lock);
}

/* Who runs now goes on with all of its registers, whatever it did before. */
static inline struct thread *go_on(void)
{
    return arch_message_leave_whole(arch_cpu_self()->current);
}

static struct thread *wait_only(struct thread *self, mach_port_name_t receive)
{
    struct place place;
    if (unlikely(!lock_place(self, receive, &place)))
        return NULL;

    /* From here on it is done. */
    enter(self, &place);
    sched_stop(self);
    leave(self, &place);
    return go_on();
}

/* ---- an answer by name before ---- */

/* The reply has been claimed, its name is free: the client's header is written, and the body kept if there is one. The place's lock is held, and released. */
static inline struct thread *answer_and_wait(struct thread *self, struct thread *client,
                                             uint32_t length, const uint64_t body[8],
                                             const struct place *place)
{
    enter(self, place);
    if (likely(sched_stop_for(self, client))) {
        leave(self, place);
        if (length > 0)
            arch_message_load(body);
        return client;
    }
    make_ready(client, length, body);
    sched_stop(self);
    leave(self, place);
    return go_on();
}

static struct thread *answer_by_name(struct thread *self, mach_port_name_t name, uint64_t id,
                                     uint64_t control, mach_port_name_t receive)
{
    struct space *space = self->space;
    struct ipc_entry *entry = space_peek(space, name);
    struct place place;
    if (unlikely(!entry || !spin_trylock(&space->lock)))
        return NULL;
    if (unlikely(!lock_place(self, receive, &place))) {
        spin_unlock(&space->lock);
        return NULL;
    }
    struct reply *reply = claim_reply(entry, name);
    if (unlikely(!reply)) {
        spin_unlock(place.lock);
        spin_unlock(&space->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint64_t body[8];
    struct thread *client = take_client(space, name, entry, reply, id, control, body);
    return answer_and_wait(self, client, msg_length(control), body, &place);
}

struct thread *msg_receive_fast(uint64_t dest, FAST_PARAMETERS)
{
    (void)nothing, (void)cpu;
    if ((uint32_t)receive == MSG_REPLY)
        return NULL;
    if ((uint32_t)dest == MSG_NULL)
        return wait_only(self, (mach_port_name_t)receive);
    return has_shape(control, ANSWER_CONTROL) ? answer_by_name(self, (mach_port_name_t)dest, id,
                                                               control, (mach_port_name_t)receive)
                                              : NULL;
}
