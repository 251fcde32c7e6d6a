/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of messages that nobody waits to be answered: a message by a send right to a thread that waits for
 * messages, and an answer by the name of a reply whose owner waits. The other thread gets it in its registers. If it is
 * more urgent it takes the processor at once, else it is made ready; the sender's trap is over. A message body in
 * registers, no right in it, no receive half: whatever is not so, or not as it is most of the time, is left to
 * kern_msg(). Until the line "from here on" of each function nothing has been changed.
 *
 * What is done here is what send.c, port.c, reply.c, receive.c and sched.c would do:
 *  - N3: a send right's name is looked up without the space's lock, and looked at again under the port's; one that goes is
 *    taken under the space's;
 *  - W2, W4: the receiver leaves its list under the list's lock: it is ours to wake, and nobody else's;
 *  - P4, P5: its list has somebody, so no message is before this one, and no sender waits for the room that it takes;
 *  - Y1, Y2, Y4: the reply goes WAITED -> IDLE, and its owner is ours to wake;
 *  - S4: a receiver is as urgent as it is by itself, for nobody waits.
 *
 * Memory order: who waits has saved its registers before it can be found, on its list under the lock that is taken here,
 * or by the state of its reply, which is claimed by an acquire. Who is made ready is published by the run queue's lock.
 */
#include "fast_impl.h"
#include <arch/message.h>
#include <kern/sched.h>
#include <kern/thread.h>
#include <kern/wait.h>

/* `to` is ours to wake, its header is written, the body is in the processor's registers: it runs, or is ready. Returns
 * who runs now: it, or the sender, whose registers are zero as its trap ends. */
static struct thread *wake(struct thread *self, struct thread *to, uint32_t length)
{
    uint64_t body[8];
    if (length > 0)
        arch_message_keep(body);
    arch_message_fail(&self->arch, KERN_SUCCESS);
    if (likely(sched_run_now(self, to))) {
        if (length > 0)
            arch_message_load(body);
        return to;
    }
    make_ready(to, length, body);
    return self;
}

/* The same for a client that was answered, and the body has been kept if there is one: a server is seldom less urgent. */
static inline struct thread *wake_client(struct thread *self, struct thread *to, uint32_t length,
                                         const uint64_t body[8])
{
    struct cpu *cpu = arch_cpu_self();
    bool is_urgent = sched_effective(to) > relaxed_load(cpu->running_priority);
    if (is_urgent) {
        arch_message_fail(&self->arch, KERN_SUCCESS);
        if (likely(sched_run_now(self, to))) {
            if (length > 0)
                arch_message_load(body);
            return to;
        }
    }
    make_ready(to, length, body);
    if (likely(!is_urgent && !relaxed_load(cpu->reschedule)))
        return arch_message_leave(self, 0, 0, 0, 0, 0);
    arch_message_fail(&self->arch, KERN_SUCCESS);
    return self;
}

/* Most lengths of bodies in memory, by their bits: the rest has_shape() finds. */
#define LONG_LENGTHS (UINT64_C(0x3f80) << MSG_LENGTH_SHIFT)

/* ---- to a thread that receives ---- */

/* The port's lock is held. Its set's comes after it. */
[[gnu::noinline]] static struct thread *take_receiver_of_set(struct port *port)
{
    struct port_set *set = port->set;
    if (!set || !spin_trylock(&set->lock))
        return NULL;
    struct thread *receiver = take_receiver(port, &set->receivers);
    spin_unlock(&set->lock);
    return receiver;
}

/* Who gets a message now that finds no other in the queue and no place promised; NULL: nobody can just so. */
static inline struct thread *receiver_of(struct port *port, uint32_t length)
{
    if (unlikely(port->queued > 0 || length > port->byte_limit))
        return NULL;
    if (likely(!port->detour))
        return take_receiver(port, &port->receivers);
    return list_is_empty(&port->blocked) ? take_receiver_of_set(port) : NULL;
}

static inline struct thread *send_oneway(struct thread *self, mach_port_name_t name, uint64_t id,
                                         uint64_t control)
{
    uint32_t bits;
    struct ipc_entry *entry =
        find_entry(self, memory_of_sends(self, name), name, RIGHT_SEND, &bits);
    if (unlikely(!entry || (bits & ENTRY_KERNEL)))
        return NULL;
    struct port *port = lock_live_port(entry, bits);
    if (unlikely(!port))
        return NULL;
    struct thread *receiver = receiver_of(port, msg_length(control));
    if (unlikely(!receiver)) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint32_t seqno = port->seqno++;
    uint64_t local = port->local, payload = port->has_payload;
    spin_unlock(&port->lock);
    set_header(receiver, id,
               control + (MSG_CONTROL(0, MSG_COPY_SEND, 0, 0) - ONEWAY_CONTROL) +
                   (payload << MSG_FLAGS_SHIFT), /* MSG_FLAG_PAYLOAD */
               local, MSG_NULL, seqno);
    return wake(self, receiver, msg_length(control));
}

/* ---- an answer by name ---- */

[[gnu::noinline]] static struct thread *answer_by_name(struct thread *self, mach_port_name_t name,
                                                       uint64_t id, uint64_t control)
{
    struct space *space = self->space;
    struct ipc_entry *entry = space_peek(space, name);
    if (unlikely(!entry || !spin_trylock(&space->lock)))
        return NULL;
    struct reply *reply = claim_reply(entry, name);
    if (unlikely(!reply)) {
        spin_unlock(&space->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint64_t body[8];
    struct thread *client = take_client(space, name, entry, reply, id, control, body);
    return wake_client(self, client, msg_length(control), body);
}

struct thread *msg_oneway_fast(uint64_t dest, FAST_PARAMETERS)
{
    /* What is told of each message, kern_msg() tells. */
    if (unlikely((control & LONG_LENGTHS) || (relaxed_load(cpu->watched) & TRACE_WATCH_ALL)))
        return NULL;
    if ((uint32_t)receive != MSG_NULL)
        return msg_receive_fast(dest, FAST_ARGUMENTS);
    /* Who was woken because there is room has a turn to pass on. */
    if (unlikely(self->send_turn))
        return NULL;
    if (has_shape(control, ONEWAY_CONTROL))
        return send_oneway(self, (mach_port_name_t)dest, id, control);
    if (has_shape(control, ANSWER_CONTROL))
        return answer_by_name(self, (mach_port_name_t)dest, id, control);
    return NULL;
}
