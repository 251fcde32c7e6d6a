/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way itself (fast.c says what it is), to be compiled in where something about a message is known: its body is in
 * registers or in memory, there is floating-point state or not. Functions that are not compiled in are called last.
 */
#pragma once

#include "fast_impl.h"
#include <kern/sched.h>
#include <kern/wait.h>

/* fast_copy_long(), in line: for the straight way. */
[[gnu::always_inline]] static inline kern_return_t fast_copy_here(struct thread *self,
                                                                  struct thread *to,
                                                                  uint64_t control)
{
    uint32_t length = msg_length(control);
    if (arch_message_get(&to->arch, MSG_X_BUFFER_SIZE) < length)
        return KERN_INVALID_ADDRESS;
    vaddr_t dst = arch_message_get(&to->arch, MSG_X_BUFFER);
    vaddr_t src = arch_message_get(&self->arch, MSG_X_ADDRESS);
    if (unlikely(map_has_devices(&self->task->map)))
        return fast_copy_beside_devices(self, to, dst, src, length);
    return pmap_copy_across(to->pmap, dst, src, length);
}

/* fast_give_long(), likewise. */
[[gnu::always_inline]] static inline bool fast_give_here(struct thread *self, struct reply *reply,
                                                         uint64_t control)
{
    uint32_t waited = REPLY_WAITED;
    if (!atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED))
        return false;
    if (likely(fast_copy_here(self, reply->owner, control) == KERN_SUCCESS)) {
        atomic_store(&reply->state, REPLY_IDLE);
        return true;
    }
    fast_take_back(reply);
    return false;
}

/* Constant in each instance. */
struct variant {
    bool is_long; /* the body is in memory */
    bool has_fp;  /* one of the two may have floating-point state */
};

static inline void switch_registers(struct thread *self, struct thread *next, struct variant v)
{
    if (v.has_fp)
        arch_thread_switch_fp(&self->arch, &next->arch);
    else
        arch_thread_switch_light(&self->arch, &next->arch);
}

static inline struct thread *call_odd(struct port *port, struct variant v, FAST_PARAMETERS)
{
    return (v.is_long ? fast_call_odd_long : fast_call_odd)(port, FAST_ARGUMENTS);
}
static inline struct thread *answer_odd(struct port *port, struct variant v, FAST_PARAMETERS)
{
    return (v.is_long ? fast_answer_odd_long : fast_answer_odd)(port, FAST_ARGUMENTS);
}

/* The port is alive, has no detour, and its lock is held. */
[[gnu::always_inline]] static inline struct thread *call_port(struct port *port,
                                                              struct reply *reply, struct variant v,
                                                              FAST_PARAMETERS)
{
    struct thread *server = port->server;
    uintptr_t first =
        (uintptr_t)server + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)port->receivers.next != first || server->wait.until != TICKS_NEVER ||
                 relaxed_load(server->flags) || is_looked_at(self, server)))
        return call_odd(port, v, FAST_ARGUMENTS);
    uint64_t active = server->space_number;
    if (unlikely(active == 0))
        return call_odd(port, v, FAST_ARGUMENTS);
    if (v.is_long && unlikely(fast_copy_here(self, server, control) != KERN_SUCCESS)) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    take_off_list(server);
    uint64_t seqno = port->seqno;
    port->seqno = (uint32_t)seqno + 1;
    uint64_t local = port->local, payload = port->has_payload;
    unsigned priority = lend(cpu, self, server, reply);
    spin_unlock(&port->lock);
    switch_registers(self, server, v);
    pmap_activate_user(cpu, server->pmap, active);
    publish_switch(cpu, self, server, priority);
    atomic_store_explicit(&reply->state, REPLY_WAITED, memory_order_release); /* Y4 from here on */
    control += CALL_RECEIVED + (payload << MSG_FLAGS_SHIFT);                  /* MSG_FLAG_PAYLOAD */
    return leave_to(cpu, self, server, id, control, local, MSG_REPLY, seqno, v.is_long);
}

[[gnu::always_inline]] static inline struct thread *fast_call(struct variant v,
                                                              mach_port_name_t dest,
                                                              FAST_PARAMETERS)
{
    uint32_t bits;
    struct name_memory *memory = memory_of_sends(self, dest);
    struct ipc_entry *entry = find_entry(self, memory, dest, RIGHT_SEND, &bits);
    struct reply *reply = self->reply;
    if (unlikely(!entry || relaxed_load(reply->state) != REPLY_IDLE))
        return NULL;
    if (unlikely(bits & ENTRY_KERNEL))
        return v.is_long ? NULL
                         : msg_call_kernel_fast(entry, id, control, bits, receive, cpu, self);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD))
        return call_odd(port, v, FAST_ARGUMENTS);
    if (!v.has_fp && unlikely(arch_thread_has_fp(&self->arch)))
        return fast_call_fp(port, FAST_ARGUMENTS);
    return call_port(port, reply, v, FAST_ARGUMENTS);
}

/* The client's wait is claimed last: it is nobody else's then. */
static inline bool claim_client(struct thread *self, struct reply *reply, uint64_t control,
                                struct variant v)
{
    uint32_t waited = REPLY_WAITED;
    if (v.is_long)
        return fast_give_here(self, reply, control);
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* As call_port(). */
[[gnu::always_inline]] static inline struct thread *answer_port(struct port *port,
                                                                struct reply *reply,
                                                                struct variant v, FAST_PARAMETERS)
{
    /* Until it is claimed it may be anybody: what is looked at is all behind T5. */
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    uint64_t active = relaxed_load(client->space_number);
    if (unlikely(relaxed_load(client->flags) || self->context != client->context ||
                 relaxed_load(cpu->run_queue.top) >= (int)priority || active == 0))
        return answer_odd(port, v, FAST_ARGUMENTS);
    if (unlikely(!claim_client(self, reply, control, v))) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    wait_again(self, &port->lock, &port->receivers);
    switch_registers(self, client, v);
    pmap_activate_user(cpu, client->pmap, active);
    publish_switch(cpu, self, client, priority);
    /* Who takes the lock finds the thread waiting, and its registers saved. */
    spin_unlock(&port->lock);
    return leave_to(cpu, self, client, id, control + ANSWER_RECEIVED, 0, 0, 0, v.is_long);
}

[[gnu::always_inline]] static inline struct thread *fast_answer(struct variant v, FAST_PARAMETERS)
{
    struct reply *reply = self->held;
    uint32_t bits;
    /* Exactly WAITED: without a deadline. Claimed later. */
    if (unlikely(!reply || relaxed_load(reply->state) != REPLY_WAITED))
        return v.is_long && reply && reply->for_exception ? fast_answer_exception(self) : NULL;
    struct ipc_entry *entry = find_entry(self, &self->receives_from, (mach_port_name_t)receive,
                                         RIGHT_RECEIVE | RIGHT_SET, &bits);
    if (unlikely(!entry))
        return NULL;
    if (unlikely(bits & RIGHT_SET))
        return (v.is_long ? fast_answer_set_long : fast_answer_set)(entry, FAST_ARGUMENTS);
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(relaxed_load(port->head) != PORT_HEAD))
        return answer_odd(port, v, FAST_ARGUMENTS);
    if (!v.has_fp &&
        unlikely(arch_thread_has_fp(&self->arch) || arch_thread_wants_fp(&reply->owner->arch)))
        return fast_answer_fp(port, FAST_ARGUMENTS);
    return answer_port(port, reply, v, FAST_ARGUMENTS);
}
