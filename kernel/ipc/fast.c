/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of the message trap: a call to a thread that waits for messages, and its answer. The
 * processor goes from one thread to the other, with no queue, no allocation, no run queue and one lock
 * (docs/ipc-budget.md counts the steps). Whatever is not as it is most of the time is left to kern_msg():
 * until the line "from here on" of each function nothing has been changed.
 *
 * What is done here is what send.c, receive.c and sched.c would do:
 *  - N3: the name is looked up without the space's lock, and looked at again under the port's;
 *  - W1, W2, W4: the server leaves the port's list of waiters under its lock, and is put on it under it;
 *  - Y1 to Y4: the reply goes IDLE -> WAITED by the call, WAITED -> IDLE by the answer;
 *  - S1, S4, S6: the server runs on its caller's context, at no less than its urgency;
 *  - T1, T3: a thread's registers are saved before anybody can find that it waits.
 *
 * The body of at most MSG_REGISTER_BYTES stays in the processor's registers: this file and what it calls on
 * that way are compiled not to use them. Longer ones are copied from memory to memory.
 */
#include "fast_impl.h"
#include <arch/message.h>
#include <arch/thread.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>
#include <kern/wait.h>

#define LONG_LENGTHS (UINT64_C(0x3ff8) << MSG_LENGTH_SHIFT)

/* What an instance of the code below is for; constant in each. Functions that are not inlined are called last:
 * nothing has to be kept then that has no register. */
struct variant {
    bool is_long; /* the body is in memory */
    bool has_fp;  /* the current thread has floating-point state */
    bool is_set;  /* the port is in a set */
};

static inline bool has_shape(uint64_t control, uint64_t shape, struct variant v)
{
    uint64_t lengths = v.is_long ? LONG_LENGTHS : SHORT_LENGTHS;
    return (control & ~lengths) == shape && (!v.is_long || msg_length(control) <= MSG_BODY_MAX);
}

/* A thread that waits, and has nothing about it that would need more than to go on here. */
static inline bool may_go_on_here(struct thread *thread, const struct cpu *cpu)
{
    return relaxed_load(thread->flags) == 0 && (relaxed_load(thread->affinity) >> cpu->number & 1);
}

/* A long body into the buffer of a thread that waits and stays where it is meanwhile. */
static bool copy_long(struct thread *self, struct thread *to, uint64_t control)
{
    uint32_t length = msg_length(control);
    if (arch_message_get(&to->arch, MSG_X_BUFFER_SIZE) < length ||
        pmap_copy_across(to->pmap, arch_message_get(&to->arch, MSG_X_BUFFER),
                         arch_message_get(&self->arch, MSG_X_ADDRESS), length) != KERN_SUCCESS)
        return false;
    arch_message_set_body(&to->arch, NULL, 0);
    arch_message_set(&to->arch, MSG_X_BUFFER, 0);
    arch_message_set(&to->arch, MSG_X_BUFFER_SIZE, 0);
    return true;
}

/* ---- from one thread to the other ---- */

/* `next`, which nobody else can find any more, takes the processor from `self`, whose state is not
 * published yet. */
static inline void switch_threads(struct cpu *cpu, struct thread *self, struct thread *next,
                                  unsigned priority, struct variant v)
{
    if (v.has_fp)
        arch_thread_switch(&self->arch, &next->arch);
    else
        arch_thread_switch_light(&self->arch, &next->arch);
    relaxed_store(next->runnable.cpu, (uint8_t)cpu->number);
    relaxed_store(cpu->running_priority, priority);
    cpu->current = next;
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    relaxed_store(next->state, THREAD_RUNNING);
    /* Whoever sees it waiting may look at its registers. */
    atomic_store_explicit(&self->state, THREAD_WAITING, memory_order_release);
}

/* What is rare after a switch: somebody told `self` to die while it went to wait, and may have found nothing to
 * end (T3); there is a trace; `next` has flags. */
[[gnu::noinline]] static struct thread *after_switch(struct thread *self, struct thread *next,
                                                     bool is_long)
{
    uint32_t flags = relaxed_load(self->flags);
    if (relaxed_load(next->flags))
        relaxed_store(arch_cpu_self()->reschedule, 1);
    uint64_t body[8];
    if (!is_long)
        arch_message_keep(body);
    trace(TRACE_SCHED_SWITCH, self->id, next->id);
    if (flags & THREAD_FLAG_MOVE) /* its urgency may have changed when it was lent already */
        sched_raise_servers(self);
    if (flags & THREAD_FLAG_TERMINATE)
        (void)wait_abort(self);
    if (!is_long)
        arch_message_load(body);
    return next;
}

/* Order rule of sched.c: states are published, then the flags are looked at. */
static inline struct thread *look_at_flags(struct thread *self, struct thread *next,
                                           struct variant v)
{
    arch_fence();
    enum { OF_SELF = THREAD_FLAG_TERMINATE | THREAD_FLAG_MOVE };
    uint32_t flags = relaxed_load(next->flags) | (relaxed_load(self->flags) & OF_SELF);
    if (unlikely(flags || trace_is_on(TRACE_SCHED_SWITCH)))
        return after_switch(self, next, v.is_long);
    return next;
}

/* ---- a call ---- */

/* The first waiter of a list, whose lock is held; it leaves the list if it may be given to. */
static inline struct thread *take_server(struct thread *self, struct port *port,
                                         struct list *waiters, uint64_t control,
                                         const struct cpu *cpu, struct variant v)
{
    struct thread *server = port->server;
    uintptr_t first =
        (uintptr_t)server + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)waiters->next != first || server->wait.until != TICKS_NEVER ||
                 !may_go_on_here(server, cpu)) ||
        (v.is_long && !copy_long(self, server, control)))
        return NULL;
    struct list *link = &server->wait.link;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    relaxed_store(server->wait.queue_lock, NULL); /* W4 */
    return server;
}

/* The server works for the caller from now on; returns its urgency. */
static inline unsigned lend(struct thread *self, struct thread *server, struct reply *reply)
{
    unsigned lent = relaxed_load(arch_cpu_self()->running_priority);
    unsigned own = relaxed_load(server->floor);
    relaxed_store(server->inherited, lent);        /* S4 */
    relaxed_store(server->context, self->context); /* S6 */
    relaxed_store(server->held, reply);            /* Y1 */
    relaxed_store(reply->holder, server);
    return own > lent ? own : lent;
}

/* The port's lock is held, and released. */
[[gnu::always_inline]] static inline struct thread *call_port(struct thread *self,
                                                              struct port *port, uint64_t id,
                                                              uint64_t control, struct variant v)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = self->reply;
    struct port_set *set = v.is_set ? port->set : NULL;
    struct list *waiters = v.is_set ? &set->receivers : &port->receivers;
    struct thread *server = NULL;
    if (!v.is_set || spin_trylock(&set->lock)) {
        server = take_server(self, port, waiters, control, cpu, v);
        if (v.is_set)
            spin_unlock(&set->lock);
    }
    if (unlikely(!server)) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint32_t seqno = port->seqno++;
    uint64_t local = port->local, payload = port->head >> PAYLOAD_SHIFT;
    spin_unlock(&port->lock);
    set_header(server, id,
               control + (MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 0, 0) - CALL_CONTROL) +
                   (payload << MSG_FLAGS_SHIFT), /* MSG_FLAG_PAYLOAD */
               local, MSG_REPLY, seqno);
    unsigned priority = lend(self, server, reply);
    self->wait.kind = WAIT_REPLY;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    switch_threads(cpu, self, server, priority, v);
    atomic_store_explicit(&reply->state, REPLY_WAITED, memory_order_release); /* Y4 from here on */
    return look_at_flags(self, server, v);
}

/* Out of line: ports in sets, callers with floating-point state. */
[[gnu::noinline]] static struct thread *call_set(struct thread *self, struct port *port,
                                                 uint64_t id, uint64_t control)
{
    return call_port(self, port, id, control, (struct variant){.has_fp = true, .is_set = true});
}
[[gnu::noinline]] static struct thread *call_set_long(struct thread *self, struct port *port,
                                                      uint64_t id, uint64_t control)
{
    return call_port(self, port, id, control,
                     (struct variant){.is_long = true, .has_fp = true, .is_set = true});
}
[[gnu::noinline]] static struct thread *call_fp(struct thread *self, struct port *port, uint64_t id,
                                                uint64_t control)
{
    return call_port(self, port, id, control, (struct variant){.has_fp = true});
}

/* In a set, or with senders that wait for room: those are not overtaken, and who has their turn passes it on. */
static inline struct thread *call_by_detour(struct thread *self, struct port *port, uint64_t id,
                                            uint64_t control, struct variant v)
{
    port_note_detour_locked(port);
    if (port->set && list_is_empty(&port->blocked))
        return (v.is_long ? call_set_long : call_set)(self, port, id, control);
    spin_unlock(&port->lock);
    return NULL;
}

[[gnu::always_inline]] static inline struct thread *call(struct thread *self, uint64_t dest,
                                                         uint64_t id, uint64_t control,
                                                         struct variant v)
{
    uint32_t bits;
    struct ipc_entry *entry = peek(self, (mach_port_name_t)dest, RIGHT_SEND, &bits);
    if (unlikely(!entry || relaxed_load(self->reply->state) != REPLY_IDLE))
        return NULL;
    if (unlikely(bits & ENTRY_KERNEL))
        return v.is_long ? NULL : msg_call_kernel_fast(self, entry, bits, id, control);
    struct port *port = lock_port(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(port->detour))
        return call_by_detour(self, port, id, control, v);
    if (unlikely(!v.has_fp && arch_thread_has_fp(&self->arch)))
        return call_fp(self, port, id, control);
    return call_port(self, port, id, control, v);
}

/* ---- an answer ---- */

/* Somebody as urgent as the client, or more so, is ready. As urgent: it came while something more urgent ran, and the
 * client's turn gets an end. */
static bool give_turn_an_end(struct cpu *cpu, int top, unsigned priority)
{
    if (top > (int)priority)
        return false;
    if (cpu->turn_end == TICKS_NEVER)
        relaxed_store(cpu->reschedule, 1);
    return true;
}

/* Long answers: the client's buffer is written while its wait is claimed. */
static bool give_long(struct thread *self, struct reply *reply, uint64_t control)
{
    struct thread *client = reply->owner;
    uint32_t waited = REPLY_WAITED;
    if (!atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED))
        return false;
    if (copy_long(self, client, control)) {
        atomic_store(&reply->state, REPLY_IDLE);
        return true;
    }
    atomic_store(&reply->state, REPLY_WAITED);
    if (atomic_load(&client->flags) &
        THREAD_FLAG_TERMINATE) /* who came meanwhile found nothing to end */
        (void)wait_abort(client);
    return false;
}

static inline bool claim_client(struct thread *self, struct reply *reply, uint64_t control,
                                struct variant v)
{
    uint32_t waited = REPLY_WAITED;
    if (v.is_long)
        return give_long(self, reply, control);
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* The thread that answers waits on this list next, whose lock is held, and released. */
[[gnu::always_inline]] static inline struct thread *answer_and_wait(struct thread *self,
                                                                    struct spinlock *lock,
                                                                    struct list *waiters,
                                                                    uint64_t id, uint64_t control,
                                                                    struct variant v)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = self->held;
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    int top = relaxed_load(cpu->run_queue.top);
    /* On another context, time is charged before it goes on (S6). */
    if (unlikely(!may_go_on_here(client, cpu) || self->context != client->context ||
                 (top >= (int)priority && !give_turn_an_end(cpu, top, priority)) ||
                 !claim_client(self, reply, control, v))) {
        spin_unlock(lock);
        return NULL;
    }

    /* From here on it is done. The client is ours alone. */
    set_header(client, id, control + (MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 0, 0) - ANSWER_CONTROL), 0,
               0, 0);
    relaxed_store(self->held, NULL);
    relaxed_store(self->inherited, 0);
    relaxed_store(self->context, &self->own_context);
    self->wait.kind = WAIT_RECEIVE;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    list_push_back(waiters, &self->wait.link);
    relaxed_store(self->wait.queue_lock, lock); /* W4 */
    switch_threads(cpu, self, client, priority, v);
    spin_unlock(lock); /* who takes the lock finds the thread waiting, and its registers saved */
    return look_at_flags(self, client, v);
}

/* Out of line: answers by threads that wait for sets, or have floating-point state. */
[[gnu::always_inline]] static inline struct thread *answer_into_set(struct thread *self,
                                                                    struct ipc_entry *entry,
                                                                    uint64_t id, uint64_t control,
                                                                    bool is_long)
{
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    struct port_set *set = set_of(entry_object(entry));
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE);
    if (bits >> 16 != (name & 0xffff) || !(bits & RIGHT_SET) || !set || !spin_trylock(&set->lock))
        return NULL;
    if (relaxed_load(entry->bits) == bits && set->alive && list_is_empty(&set->ready))
        return answer_and_wait(self, &set->lock, &set->receivers, id, control,
                               (struct variant){.is_long = is_long, .has_fp = true});
    spin_unlock(&set->lock);
    return NULL;
}
[[gnu::noinline]] static struct thread *answer_set(struct thread *self, struct ipc_entry *entry,
                                                   uint64_t id, uint64_t control)
{
    return answer_into_set(self, entry, id, control, false);
}
[[gnu::noinline]] static struct thread *answer_set_long(struct thread *self,
                                                        struct ipc_entry *entry, uint64_t id,
                                                        uint64_t control)
{
    return answer_into_set(self, entry, id, control, true);
}
[[gnu::noinline]] static struct thread *answer_fp(struct thread *self, struct port *port,
                                                  uint64_t id, uint64_t control)
{
    return answer_and_wait(self, &port->lock, &port->receivers, id, control,
                           (struct variant){.has_fp = true});
}

[[gnu::always_inline]] static inline struct thread *answer(struct thread *self,
                                                           mach_port_name_t name, uint64_t id,
                                                           uint64_t control, struct variant v)
{
    struct reply *reply = self->held;
    uint32_t bits;
    /* Exactly WAITED: without a deadline. Claimed later. */
    if (unlikely(!reply || relaxed_load(reply->state) != REPLY_WAITED))
        return NULL;
    struct ipc_entry *entry = peek(self, name, RIGHT_RECEIVE | RIGHT_SET, &bits);
    if (unlikely(!entry))
        return NULL;
    if (unlikely(bits & RIGHT_SET))
        return (v.is_long ? answer_set_long : answer_set)(self, entry, id, control);
    struct port *port = lock_port(entry, bits);
    if (unlikely(!port))
        return NULL;
    if (unlikely(port->set || !list_is_empty(&port->queue))) {
        spin_unlock(&port->lock);
        return NULL;
    }
    if (unlikely(!v.has_fp && arch_thread_has_fp(&self->arch)))
        return answer_fp(self, port, id, control);
    return answer_and_wait(self, &port->lock, &port->receivers, id, control, v);
}

[[gnu::always_inline]] static inline struct thread *fast(uint64_t dest, uint64_t id,
                                                         uint64_t control, struct thread *self,
                                                         uint64_t receive, struct variant v)
{
    if (has_shape(control, CALL_CONTROL, v) && (uint32_t)receive == MSG_REPLY)
        return call(self, dest, id, control, v);
    if (has_shape(control, ANSWER_CONTROL, v) && (uint32_t)dest == MSG_REPLY)
        return answer(self, (mach_port_name_t)receive, id, control, v);
    return v.is_long ? NULL : msg_oneway_fast(dest, id, control, self, receive);
}

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, struct thread *self,
                             uint64_t receive)
{
    return fast(dest, id, control, self, receive, (struct variant){.is_long = false});
}

struct thread *kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control, struct thread *self,
                                  uint64_t receive)
{
    return fast(dest, id, control, self, receive,
                (struct variant){.is_long = true, .has_fp = true});
}
