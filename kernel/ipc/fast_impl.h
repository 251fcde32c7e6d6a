/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the fast way share (kernel/ipc/fast.c says what it is). They are compiled not to use the
 * registers of the body.
 */
#pragma once

#include "msg_impl.h"
#include "names.h"
#include <arch/message.h>
#include <arch/thread.h>
#include <kern/cpu.h>
#include <kern/pageout.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/task.h>

/* Control words of the three shapes, apart from their lengths, which are whole words: a call, its answer, a message without one. */
#define CALL_CONTROL    MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 0, 0)
#define ANSWER_CONTROL  MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0)
#define ONEWAY_CONTROL  MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0)
/* What becomes of them for the receiver. */
#define CALL_RECEIVED   (MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 0, 0) - CALL_CONTROL)
#define ANSWER_RECEIVED (MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 0, 0) - ANSWER_CONTROL)

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

/* port->head of a port that is alive, no kernel object's, and has nothing in its `detour`. */
#define PORT_HEAD      (IPC_PORT | PORT_ALIVE << 8 | KOBJECT_NONE << 16)
#define PORT_HEAD_MASK 0xffffffu /* all but `detour` */
static_assert(offsetof(struct port, ipc) == 0 && offsetof(struct port, state) == 1 &&
              offsetof(struct port, kobject) == 2 && offsetof(struct port, detour) == 3);

/* To the compiler it is another value: parts of it that were computed for the common case are not kept for the other. */
#define forget_origin(variable) __asm__("" : "+r"(variable))

/* The entry of a name that is in use with one of these rights, by its bits as they are read before the object. The
 * thread remembers it: chunks of entries never move while its space lives, so what is remembered cannot be
 * wrong, only out of date, and the entry's bits tell. NULL: there is none. */
static inline struct ipc_entry *find_entry(struct thread *self, struct name_memory *memory,
                                           mach_port_name_t name, unsigned rights, uint32_t *bits)
{
    struct ipc_entry *entry = memory->entry;
    *bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    if (likely((memory->name_and_bits ^ (uint64_t)name << 32) == *bits)) {
        if (!entry)
            __builtin_unreachable();
        return entry;
    }
    forget_origin(name);
    entry = space_peek(self->space, name);
    if (unlikely(!entry))
        return NULL;
    *bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    if (unlikely(*bits >> 16 != (name & 0xffff) || !(*bits & rights)))
        return NULL;
    *memory = (struct name_memory){(uint64_t)name << 32 | *bits, entry};
    return entry;
}

static inline struct name_memory *memory_of_sends(struct thread *self, mach_port_name_t name)
{
    return &self->sent_to[name >> 16 & (array_count(self->sent_to) - 1)];
}

/* The port of an entry, locked; NULL: somebody has the lock, or the name is another's now. If the entry's bits are
 * the same under the lock, so is its object (N3). */
static inline struct port *lock_entry(struct ipc_entry *entry, uint32_t bits)
{
    struct port *port = entry_peek_port(entry);
    if (unlikely(!port || !spin_trylock(&port->lock)))
        return NULL;
    if (likely(relaxed_load(entry->bits) == bits))
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

/* The same, alive and no kernel object's. */
static inline struct port *lock_live_port(struct ipc_entry *entry, uint32_t bits)
{
    struct port *port = lock_entry(entry, bits);
    if (unlikely(!port) || likely((relaxed_load(port->head) & PORT_HEAD_MASK) == PORT_HEAD))
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

/* A thread that waits, and has nothing about it that would need more than to go on here. */
static inline bool may_go_on_here(struct thread *thread, const struct cpu *cpu)
{
    return !(relaxed_load(thread->flags) & THREAD_FLAGS_ASK) &&
           (relaxed_load(thread->affinity) >> cpu->number & 1);
}

static inline void set_header(struct thread *next, uint64_t id, uint64_t control, uint64_t local,
                              uint64_t remote, uint64_t seqno)
{
    struct arch_thread *t = &next->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, (uint32_t)id);
    arch_message_set(t, MSG_X_CONTROL, control);
    arch_message_set(t, MSG_X_LOCAL, local);
    arch_message_set(t, MSG_X_RECEIVE, remote);
    arch_message_set(t, MSG_X_DEADLINE, seqno);
}

/* A server leaves the list of waiters that it is first of; the list's lock is held. */
static inline void take_off_list(struct thread *server)
{
    struct list *link = &server->wait.link;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    relaxed_store(server->wait.queue_lock, NULL); /* W4 */
}

/* Debug builds: the call is to be looked at, which the long way does (kern/pageout.h: X5). */
static inline bool is_looked_at(const struct thread *self, const struct thread *server)
{
    return CONFIG_SLOW_CHECKS && ledger_is_resident(self->task->ledger) &&
           !ledger_is_resident(server->task->ledger);
}

/* The server works for the caller from now on; returns its urgency. The port's lock is held: the next caller finds no receiver and
 * lends to this one, too. */
static inline unsigned lend(const struct cpu *cpu, struct thread *self, struct thread *server,
                            struct reply *reply)
{
    unsigned lent = relaxed_load(cpu->running_priority);
    unsigned own = relaxed_load(server->floor);
    relaxed_store(server->inherited, lent);        /* S4 */
    relaxed_store(server->context, self->context); /* S6 */
    relaxed_store(server->held, reply);            /* Y1 */
    relaxed_store(reply->holder, server);
    self->wait.kind = WAIT_REPLY;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    return own > lent ? own : lent;
}

/* The thread that has answered owes nothing any more, and waits on this list, whose lock is held. */
static inline void wait_again(struct thread *self, struct spinlock *lock, struct list *waiters)
{
    relaxed_store(self->held, NULL);
    relaxed_store(self->inherited, 0);
    relaxed_store(self->context, &self->own_context);
    self->wait.kind = WAIT_RECEIVE;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    list_push_back(waiters, &self->wait.link);
    relaxed_store(self->wait.queue_lock, lock); /* W4 */
}

/* `next`, which nobody else can find any more, has the processor, whose registers are changed; `self`, whose
 * registers are saved, is found to wait from here on. */
static inline void publish_switch(struct cpu *cpu, struct thread *self, struct thread *next,
                                  unsigned priority)
{
    relaxed_store(next->runnable.cpu, (uint8_t)cpu->number);
    relaxed_store(cpu->running_priority, priority);
    cpu->current = next;
    relaxed_store(next->state, THREAD_RUNNING);
    /* Whoever sees it waiting may look at its registers. */
    atomic_store_explicit(&self->state, THREAD_WAITING, memory_order_release);
}

/* What kern_msg_fast() gets behind its first argument, for functions that it ends with a jump to: nothing is moved
 * for that. `nothing`: the local name, which is null. */
#define FAST_PARAMETERS                                                                 \
    uint64_t id, uint64_t control, uint64_t nothing, uint64_t receive, struct cpu *cpu, \
        struct thread *self
#define FAST_ARGUMENTS id, control, nothing, receive, cpu, self
#define FAST_UNUSED()  ((void)id, (void)control, (void)nothing, (void)receive, (void)cpu, (void)self)

/* ---- fast.c ---- */

/** A call or answer with nothing odd but that one of the two threads has floating-point state. */
struct thread *fast_call_fp(struct port *port, FAST_PARAMETERS);
struct thread *fast_answer_fp(struct port *port, FAST_PARAMETERS);

/* ---- fast_receive.c ---- */

/** A trap with a receive half that is neither call nor answer by the reply that is held: tried when there is nothing to be sent, or an answer by name. */
struct thread *msg_receive_fast(uint64_t dest, FAST_PARAMETERS);

/* ---- fast_odd.c ---- */

/** A call to, or an answer by one who waits for, a port that has something about it, or between threads that have;
 *  the port's lock is held, and released. `next` with its header in its saved state, or NULL. */
struct thread *fast_call_odd(struct port *port, FAST_PARAMETERS);
struct thread *fast_answer_odd(struct port *port, FAST_PARAMETERS);
struct thread *fast_call_odd_long(struct port *port, FAST_PARAMETERS);
struct thread *fast_answer_odd_long(struct port *port, FAST_PARAMETERS);
/** The answer of a thread that waits for a set. */
struct thread *fast_answer_set(struct ipc_entry *entry, FAST_PARAMETERS);
struct thread *fast_answer_set_long(struct ipc_entry *entry, FAST_PARAMETERS);
/** Somebody asked something of one of the two while they changed places, or of the processor. */
#define FAST_HEADER uint64_t id, uint64_t control, uint64_t local, uint64_t remote, uint64_t seqno
struct thread *fast_after_switch(struct thread *self, FAST_HEADER, struct thread *next,
                                 struct cpu *cpu);
struct thread *fast_after_switch_long(struct thread *self, FAST_HEADER, struct thread *next,
                                      struct cpu *cpu);

/* Order rule of sched.c: states are published, then the flags are looked at. */
static inline struct thread *leave_to(struct cpu *cpu, struct thread *self, struct thread *next,
                                      FAST_HEADER, bool is_long)
{
    id = (uint32_t)id;
    arch_fence();
    if (unlikely(relaxed_load(next->flags) | relaxed_load(self->flags) |
                 relaxed_load(cpu->attention)))
        return is_long ? fast_after_switch_long(self, id, control, local, remote, seqno, next, cpu)
                       : fast_after_switch(self, id, control, local, remote, seqno, next, cpu);
    if (is_long)
        return arch_message_leave_long(next, id, control, local, remote, seqno);
    return arch_message_leave(next, id, control, local, remote, seqno);
}

/* ---- fast_long.c ---- */

/** The current thread's body into the buffer of a thread that waits and stays where it is meanwhile. An error: it does not
 *  fit, or one of the two is not to be touched. */
kern_return_t fast_copy_long(struct thread *self, struct thread *to, uint64_t control);
/** Its part for a sender who may show registers of devices (kern/pmap.h). */
[[gnu::cold]] kern_return_t fast_copy_beside_devices(struct thread *self, struct thread *to,
                                                     vaddr_t dst, vaddr_t src, uint32_t length);
/** The answer to an exception: registers, for the thread that raised it. */
struct thread *fast_answer_exception(struct thread *self);
/** The same for the owner of a reply; its wait is claimed, and over on success. */
bool fast_give_long(struct thread *self, struct reply *reply, uint64_t control);
/** Its part when the body could not be copied: the owner, whose wait was claimed, waits again. */
[[gnu::cold]] void fast_take_back(struct reply *reply);

/* The first waiter of a list, whose lock is held, leaves it, if it received from the port last and may be given to. */
static inline struct thread *take_receiver(const struct port *port, const struct list *waiters)
{
    struct thread *receiver = port->server;
    uintptr_t first =
        (uintptr_t)receiver + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)waiters->next != first || receiver->wait.until != TICKS_NEVER ||
                 relaxed_load(receiver->flags) != 0))
        return NULL;
    struct list *link = &receiver->wait.link;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    relaxed_store(receiver->wait.queue_lock, NULL); /* W4 */
    /* S4: while the port is locked, for the next caller finds no receiver and lends to this one. */
    relaxed_store(receiver->inherited, 0);
    return receiver;
}

/* ---- answers by name, and who is made ready: fast_oneway.c, fast_receive.c ---- */

/* The reply of a send-once right, if its owner waits for it without a deadline: that wait is claimed. The space's lock is
 * held. */
static inline struct reply *claim_reply(struct ipc_entry *entry, mach_port_name_t name)
{
    uint32_t bits = relaxed_load(entry->bits), waited = REPLY_WAITED;
    if (unlikely(bits >> 16 != (name & 0xffff) || !(bits & RIGHT_SEND_ONCE)))
        return NULL;
    struct ipc_object *object = entry_object(entry);
    if (unlikely(object->kind != IPC_REPLY))
        return NULL;
    struct reply *reply = reply_of(object);
    bool claimed =
        atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                memory_order_acquire, memory_order_relaxed);
    return likely(claimed) ? reply : NULL;
}

/* The reply has been claimed: its name is free, and the client, which is ours alone, has its header. The space's lock is held, and released. The body is kept if there is one: this
 * uses its registers. */
static inline struct thread *take_client(struct space *space, mach_port_name_t name,
                                         struct ipc_entry *entry, const struct reply *reply,
                                         uint64_t id, uint64_t control, uint64_t body[8])
{
    struct thread *client = reply->owner;
    struct list none = LIST_INIT(none); /* a send-once right has no request */
    if (msg_length(control) > 0)
        arch_message_keep(body);
    entry_free(space, name, entry, &none);
    spin_unlock(&space->lock);
    set_header(client, id, control + ANSWER_RECEIVED, 0, 0, 0);
    return client;
}

/* `to`, whose header is written, is made ready with its body. It may run anywhere then: nothing may be left to the way out. */
static inline void make_ready(struct thread *to, uint32_t length, const uint64_t body[8])
{
    arch_message_set_body(&to->arch, body, length / 8);
    arch_message_set(&to->arch, MSG_X_BUFFER, 0);
    arch_message_set(&to->arch, MSG_X_BUFFER_SIZE, 0);
    sched_ready(to);
}
