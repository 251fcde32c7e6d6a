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

[[gnu::always_inline]] static inline struct thread *call_port(struct thread *self,
                                                              struct port *port,
                                                              struct reply *reply, uint64_t id,
                                                              uint64_t control, struct cpu *cpu)
{
    struct thread *server = port->server;
    uintptr_t first =
        (uintptr_t)server + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)port->receivers.next != first || server->wait.until != TICKS_NEVER ||
                 relaxed_load(server->flags)))
        return fast_call_odd(port, id, control, 0, MSG_REPLY, cpu, self);
    struct pmap *pmap = server->pmap;
    uint64_t active = pmap->active;
    if (unlikely(active == 0))
        return fast_call_odd(port, id, control, 0, MSG_REPLY, cpu, self);

    /* From here on it is done. */
    take_off_list(server);
    uint64_t seqno = port->seqno;
    port->seqno = (uint32_t)seqno + 1;
    uint64_t local = port->local, payload = port->has_payload;
    spin_unlock(&port->lock);
    unsigned priority = lend(cpu, self, server, reply);
    arch_thread_switch_light(&self->arch, &server->arch);
    pmap_activate_user(cpu, pmap, active);
    publish_switch(cpu, self, server, priority);
    atomic_store_explicit(&reply->state, REPLY_WAITED, memory_order_release); /* Y4 from here on */
    control += CALL_RECEIVED + (payload << MSG_FLAGS_SHIFT);                  /* MSG_FLAG_PAYLOAD */
    return leave_to(cpu, self, server, id, control, local, MSG_REPLY, seqno);
}

/* As fast_call_odd(). */
[[gnu::noinline]] static struct thread *call_kernel(struct ipc_entry *entry, uint64_t id, uint64_t control, uint64_t bits, uint64_t receive, struct cpu *cpu, struct thread *self)
{
    (void)receive, (void)cpu;
    return msg_call_kernel_fast(self, entry, (uint32_t)bits, id, control);
}

[[gnu::always_inline]] static inline struct thread *
call(struct thread *self, mach_port_name_t dest, uint64_t id, uint64_t control, struct cpu *cpu)
{
    uint32_t bits;
    struct name_memory *memory = &self->sent_to[dest >> 16 & (array_count(self->sent_to) - 1)];
    struct ipc_entry *entry = find_entry(self, memory, dest, RIGHT_SEND, &bits);
    struct reply *reply = self->reply;
    if (unlikely(!entry || relaxed_load(reply->state) != REPLY_IDLE))
        return NULL;
    if (unlikely(bits & ENTRY_KERNEL))
        return call_kernel(entry, id, control, bits, MSG_REPLY, cpu, self);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD || arch_thread_has_fp(&self->arch)))
        return fast_call_odd(port, id, control, 0, MSG_REPLY, cpu, self);
    return call_port(self, port, reply, id, control, cpu);
}

/* The client's wait is claimed last: it is nobody else's then. */
static inline bool claim_client(struct reply *reply)
{
    uint32_t waited = REPLY_WAITED;
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acquire, memory_order_relaxed);
}

[[gnu::always_inline]] static inline struct thread *answer_port(struct thread *self,
                                                                struct port *port,
                                                                struct reply *reply, uint64_t id,
                                                                uint64_t control, uint64_t receive,
                                                                struct cpu *cpu)
{
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    struct pmap *pmap = client->pmap;
    uint64_t active = pmap->active;
    if (unlikely(relaxed_load(client->flags) || self->context != client->context ||
                 relaxed_load(cpu->run_queue.top) >= (int)priority || active == 0))
        return fast_answer_odd(port, id, control, 0, receive, cpu, self);
    if (unlikely(!claim_client(reply))) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    wait_again(self, &port->lock, &port->receivers);
    arch_thread_switch_light(&self->arch, &client->arch);
    pmap_activate_user(cpu, pmap, active);
    publish_switch(cpu, self, client, priority);
    /* Who takes the lock finds the thread waiting, and its registers saved. */
    spin_unlock(&port->lock);
    return leave_to(cpu, self, client, id, control + ANSWER_RECEIVED, 0, 0, 0);
}

[[gnu::always_inline]] static inline struct thread *
answer(struct thread *self, uint64_t receive, uint64_t id, uint64_t control, struct cpu *cpu)
{
    struct reply *reply = self->held;
    uint32_t bits;
    /* Exactly WAITED: without a deadline. Claimed later. */
    if (unlikely(!reply || relaxed_load(reply->state) != REPLY_WAITED))
        return NULL;
    struct ipc_entry *entry =
        find_entry(self, &self->receives_from, (mach_port_name_t)receive, RIGHT_RECEIVE | RIGHT_SET, &bits);
    if (unlikely(!entry))
        return NULL;
    if (unlikely(bits & RIGHT_SET))
        return fast_answer_set(entry, id, control, 0, receive, cpu, self);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD || arch_thread_has_fp(&self->arch)))
        return fast_answer_odd(port, id, control, 0, receive, cpu, self);
    return answer_port(self, port, reply, id, control, receive, cpu);
}

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control,
                             uint64_t nothing, uint64_t receive, struct cpu *cpu,
                             struct thread *self)
{
    (void)nothing;
    if (control & 1 ? !has_shape(control, CALL_CONTROL) || (uint32_t)receive != MSG_REPLY
                    : !has_shape(control, ANSWER_CONTROL) || (uint32_t)dest != MSG_REPLY)
        return NULL;
    if (control & 1)
        return call(self, (mach_port_name_t)dest, id, control, cpu);
    return answer(self, receive, id, control, cpu);
}
