/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of the message trap: a call to a thread that waits for messages, and its answer. The
 * processor goes from one thread to the other, with no queue, no allocation, no run queue and one lock
 * (docs/ipc-budget.md counts the steps). What is here is what happens most of the time, and what is a little
 * less common is in fast_odd.c; all else is left to kern_msg(): until the line "from here on" of each
 * function nothing has been changed.
 *
 * What is done here is what send.c, receive.c and sched.c would do:
 *  - N3: the name is looked up without the space's lock, and looked at again under the port's;
 *  - W1, W2, W4: the server leaves the port's list of waiters under its lock, and is put on it under it;
 *  - Y1 to Y4: the reply goes IDLE -> WAITED by the call, WAITED -> IDLE by the answer;
 *  - S1, S4, S6: the server runs on its caller's context, at no less than its urgency;
 *  - T1, T3: a thread's registers are saved before anybody can find that it waits.
 *
 * The body stays in the processor's registers, and the header goes from those of the sender to those of the
 * receiver.
 */
#include "fast_impl.h"
#include <arch/upcalls.h>
#include <kern/sched.h>
#include <kern/wait.h>

/* The control word has this shape, with a length from 0 to MSG_REGISTER_BYTES in whole words. Any other bit that is set
 * makes the number of words too large. */
static inline bool has_shape(uint64_t control, uint64_t shape)
{
    enum { TO_WORDS = MSG_LENGTH_SHIFT + 3 };
    uint64_t rest = control - shape;
    return (rest >> TO_WORDS | rest << (64 - TO_WORDS)) <= MSG_REGISTER_BYTES / 8;
}
/* A bit that tells the two apart. */
static_assert((CALL_CONTROL & 1) && !(ANSWER_CONTROL & 1));

/* Order rule of sched.c: states are published, then the flags are looked at. */
static inline struct thread *leave_to(struct cpu *cpu, struct thread *self, struct thread *next,
                                      uint64_t id, uint64_t control, uint64_t local,
                                      uint64_t remote, uint64_t seqno)
{
    arch_fence();
    if (unlikely(relaxed_load(next->flags) | relaxed_load(self->flags) |
                 relaxed_load(cpu->attention)))
        return fast_after_switch(self, next, id, control, local, remote, seqno);
    return arch_message_leave(next, (uint32_t)id, control, local, remote, seqno);
}

/* `has_fp`: constant where this is compiled in. */
static inline void switch_registers(struct thread *self, struct thread *next, bool has_fp)
{
    if (has_fp)
        arch_thread_switch_fp(&self->arch, &next->arch);
    else
        arch_thread_switch_light(&self->arch, &next->arch);
}

/* The port is alive, has no detour, and its lock is held. */
[[gnu::always_inline]] static inline struct thread *call_port(struct port *port,
                                                              struct reply *reply, bool has_fp,
                                                              FAST_PARAMETERS)
{
    struct thread *server = port->server;
    uintptr_t first =
        (uintptr_t)server + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)port->receivers.next != first || server->wait.until != TICKS_NEVER ||
                 relaxed_load(server->flags)))
        return fast_call_odd(port, FAST_ARGUMENTS);
    struct pmap *pmap = server->pmap;
    uint64_t active = pmap->active;
    if (unlikely(active == 0))
        return fast_call_odd(port, FAST_ARGUMENTS);

    /* From here on it is done. */
    take_off_list(server);
    uint64_t seqno = port->seqno;
    port->seqno = (uint32_t)seqno + 1;
    uint64_t local = port->local, payload = port->has_payload;
    spin_unlock(&port->lock);
    unsigned priority = lend(cpu, self, server, reply);
    switch_registers(self, server, has_fp);
    pmap_activate_user(cpu, pmap, active);
    publish_switch(cpu, self, server, priority);
    atomic_store_explicit(&reply->state, REPLY_WAITED, memory_order_release); /* Y4 from here on */
    control += CALL_RECEIVED + (payload << MSG_FLAGS_SHIFT);                  /* MSG_FLAG_PAYLOAD */
    return leave_to(cpu, self, server, id, control, local, MSG_REPLY, seqno);
}

struct thread *fast_call_fp(struct port *port, FAST_PARAMETERS)
{
    return call_port(port, self->reply, true, FAST_ARGUMENTS);
}

[[gnu::always_inline]] static inline struct thread *call(mach_port_name_t dest, FAST_PARAMETERS)
{
    uint32_t bits;
    struct name_memory *memory = memory_of_sends(self, dest);
    struct ipc_entry *entry = find_entry(self, memory, dest, RIGHT_SEND, &bits);
    struct reply *reply = self->reply;
    if (unlikely(!entry || relaxed_load(reply->state) != REPLY_IDLE))
        return NULL;
    if (unlikely(bits & ENTRY_KERNEL))
        return fast_call_kernel(entry, FAST_ARGUMENTS);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD))
        return fast_call_odd(port, FAST_ARGUMENTS);
    if (unlikely(arch_thread_has_fp(&self->arch)))
        return fast_call_fp(port, FAST_ARGUMENTS);
    return call_port(port, reply, false, FAST_ARGUMENTS);
}

/* The client's wait is claimed last: it is nobody else's then. */
static inline bool claim_client(struct reply *reply)
{
    uint32_t waited = REPLY_WAITED;
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* As call_port(). */
[[gnu::always_inline]] static inline struct thread *answer_port(struct port *port,
                                                                struct reply *reply, bool has_fp,
                                                                FAST_PARAMETERS)
{
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    struct pmap *pmap = client->pmap;
    uint64_t active = pmap->active;
    if (unlikely(relaxed_load(client->flags) || self->context != client->context ||
                 relaxed_load(cpu->run_queue.top) >= (int)priority || active == 0))
        return fast_answer_odd(port, FAST_ARGUMENTS);
    if (unlikely(!claim_client(reply))) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    wait_again(self, &port->lock, &port->receivers);
    switch_registers(self, client, has_fp);
    pmap_activate_user(cpu, pmap, active);
    publish_switch(cpu, self, client, priority);
    /* Who takes the lock finds the thread waiting, and its registers saved. */
    spin_unlock(&port->lock);
    return leave_to(cpu, self, client, id, control + ANSWER_RECEIVED, 0, 0, 0);
}

struct thread *fast_answer_fp(struct port *port, FAST_PARAMETERS)
{
    return answer_port(port, self->held, true, FAST_ARGUMENTS);
}

[[gnu::always_inline]] static inline struct thread *answer(FAST_PARAMETERS)
{
    struct reply *reply = self->held;
    uint32_t bits;
    /* Exactly WAITED: without a deadline. Claimed later. */
    if (unlikely(!reply || relaxed_load(reply->state) != REPLY_WAITED))
        return NULL;
    struct ipc_entry *entry = find_entry(self, &self->receives_from, (mach_port_name_t)receive,
                                         RIGHT_RECEIVE | RIGHT_SET, &bits);
    if (unlikely(!entry))
        return NULL;
    if (unlikely(bits & RIGHT_SET))
        return fast_answer_set(entry, FAST_ARGUMENTS);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD))
        return fast_answer_odd(port, FAST_ARGUMENTS);
    if (unlikely(arch_thread_has_fp(&self->arch) || arch_thread_wants_fp(&reply->owner->arch)))
        return fast_answer_fp(port, FAST_ARGUMENTS);
    return answer_port(port, reply, false, FAST_ARGUMENTS);
}

struct thread *kern_msg_fast(uint64_t dest, FAST_PARAMETERS)
{
    if (control & 1 ? !has_shape(control, CALL_CONTROL) || (uint32_t)receive != MSG_REPLY
                    : !has_shape(control, ANSWER_CONTROL) || (uint32_t)dest != MSG_REPLY)
        return NULL;
    return control & 1 ? call((mach_port_name_t)dest, FAST_ARGUMENTS) : answer(FAST_ARGUMENTS);
}
