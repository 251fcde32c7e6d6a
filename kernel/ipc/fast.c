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
#include "ipc_impl.h"
#include <arch/message.h>
#include <arch/thread.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>
#include <kern/wait.h>

/* A control word without its length. */
#define CALL_CONTROL   MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 0, 0)
#define ANSWER_CONTROL MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0)
#define LENGTH_MASK    (UINT64_C(0xffff) << MSG_LENGTH_SHIFT)

/* Whole words, so that registers are full or unused; long ones within the limit. */
static inline bool is_length_ok(uint32_t length)
{
    return (length & 7) == 0 && length <= MSG_BODY_MAX;
}

/* Relaxed look at something that others may change; what depends on it is looked at again under a lock. */
#define LOOK(object) __atomic_load_n(&(object), __ATOMIC_RELAXED)

/* A live port that no kernel object stands behind, locked; NULL: it is not that, or somebody has the lock. */
static inline struct port *lock_port(struct ipc_entry *entry, uint64_t object, uint32_t bits)
{
    struct port *port = port_of((struct ipc_object *)(uintptr_t)object);
    if (unlikely(!spin_trylock(&port->lock)))
        return NULL;
    /* N3 */
    if (likely(atomic_load_explicit(&entry->object, memory_order_relaxed) == object &&
               atomic_load_explicit(&entry->bits, memory_order_relaxed) == bits &&
               port->ipc.kind == IPC_PORT && port->state == PORT_ALIVE))
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

/* The port that a name with this right denotes, locked. */
static inline struct port *find_port(struct thread *self, mach_port_name_t name, unsigned right,
                                     struct ipc_entry **out)
{
    struct ipc_entry *entry = space_peek(self->task->space, name);
    if (unlikely(!entry))
        return NULL;
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    if (unlikely(bits >> 16 != (name & 0xffff) || !(bits & right)))
        return NULL;
    *out = entry;
    return lock_port(entry, atomic_load_explicit(&entry->object, memory_order_relaxed), bits);
}

static inline bool may_run_here(struct thread *thread, const struct cpu *cpu)
{
    return atomic_load_explicit(&thread->affinity, memory_order_relaxed) >> cpu->number & 1;
}

/* `next`, which nobody else can find any more, takes the processor from `self`, whose state is not
 * published yet. */
static inline void switch_threads(struct cpu *cpu, struct thread *self, struct thread *next,
                                  unsigned priority)
{
    trace(TRACE_SCHED_SWITCH, self->id, next->id);
    arch_thread_switch(&self->arch, &next->arch);
    __atomic_store_n(&next->runnable.cpu, (uint8_t)cpu->number, __ATOMIC_RELAXED);
    next->runnable.priority = (uint8_t)priority;
    atomic_store_explicit(&cpu->running_priority, priority, memory_order_relaxed);
    cpu->current = next;
    pmap_activate(next->task->pmap);
    atomic_store(&next->state, THREAD_RUNNING);
    /* Order rule of sched.c: RUNNING is published, then the flags are looked at. */
    if (unlikely(atomic_load(&next->flags)))
        atomic_store_explicit(&cpu->reschedule, 1, memory_order_relaxed);
}

static inline void set_header(struct thread *next, uint64_t id, uint64_t control, uint64_t local,
                              uint64_t remote, uint32_t seqno)
{
    struct arch_thread *t = &next->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, id);
    arch_message_set(t, MSG_X_CONTROL, control);
    arch_message_set(t, MSG_X_LOCAL, local);
    arch_message_set(t, MSG_X_RECEIVE, remote);
    arch_message_set(t, MSG_X_DEADLINE, seqno);
}

/* A long body into the buffer of a thread that waits and stays where it is meanwhile. */
static bool copy_long(struct thread *self, struct thread *to, uint32_t length)
{
    if (arch_message_get(&to->arch, MSG_X_BUFFER_SIZE) < length)
        return false;
    return pmap_copy_across(to->task->pmap, arch_message_get(&to->arch, MSG_X_BUFFER),
                            arch_message_get(&self->arch, MSG_X_ADDRESS), length) == KERN_SUCCESS;
}

/* The registers of a long message, but the header's, are zero. */
static void clear_long(struct thread *next)
{
    arch_message_set_body(&next->arch, NULL, 0);
    arch_message_set(&next->arch, MSG_X_BUFFER, 0);
    arch_message_set(&next->arch, MSG_X_BUFFER_SIZE, 0);
}

/* Somebody told the thread to die while it went to wait, and may have found nothing to end (T3). */
static struct thread *end_wait_of(struct thread *self, struct thread *next)
{
    arch_message_spill(&self->arch, &next->arch);
    (void)wait_abort(self);
    return NULL;
}

/* ---- a call ---- */

/* A thread that waits to receive from the port, itself or through its set, and may be given to. It is still on its
 * list; the port's lock is held, and on success that of the set, if there is one. */
static inline struct thread *find_server(struct port *port, const struct cpu *cpu)
{
    struct port_set *set = port->set;
    struct list *waiters = &port->receivers;
    if (set) {
        if (unlikely(!spin_trylock(&set->lock)))
            return NULL;
        waiters = &set->receivers;
    }
    if (likely(!list_is_empty(waiters))) {
        struct thread *server = list_entry(waiters->next, struct thread, wait.link);
        if (likely(port->server == server && server->wait.until == TICKS_NEVER &&
                   atomic_load_explicit(&server->flags, memory_order_relaxed) == 0 &&
                   may_run_here(server, cpu)))
            return server;
    }
    if (set)
        spin_unlock(&set->lock);
    return NULL;
}

static inline struct thread *call(struct cpu *cpu, struct thread *self, uint64_t dest, uint64_t id,
                                  uint64_t control)
{
    struct reply *reply = self->reply;
    struct ipc_entry *entry;
    uint32_t length = msg_length(control);
    if (unlikely(!is_length_ok(length) || !reply ||
                 atomic_load_explicit(&reply->state, memory_order_relaxed) != REPLY_IDLE))
        return NULL;
    struct port *port = find_port(self, (mach_port_name_t)dest, RIGHT_SEND, &entry);
    if (unlikely(!port))
        return NULL;
    struct thread *server = find_server(port, cpu);
    if (unlikely(!server))
        goto unlock_port;
    if (unlikely(length > MSG_REGISTER_BYTES)) {
        if (!copy_long(self, server, length))
            goto unlock_set;
        clear_long(server);
    }

    /* From here on it is done. */
    list_remove(&server->wait.link);
    atomic_store_explicit(&server->wait.queue_lock, NULL, memory_order_relaxed); /* W4 */
    uint32_t seqno = port->seqno++;
    uint64_t local = port->local;
    uint64_t flags = (uint64_t)port->has_payload << MSG_FLAGS_SHIFT; /* MSG_FLAG_PAYLOAD */
    if (port->set)
        spin_unlock(&port->set->lock);
    spin_unlock(&port->lock);

    set_header(server, id,
               (control & LENGTH_MASK) | MSG_MOVE_SEND_ONCE | MSG_COPY_SEND << MSG_LOCAL_SHIFT |
                   flags,
               local, MSG_REPLY, seqno);
    unsigned lent = self->runnable.priority, own = LOOK(server->floor);
    atomic_store_explicit(&server->inherited, (uint8_t)lent, memory_order_relaxed); /* S4 */
    __atomic_store_n(&server->context, self->context, __ATOMIC_RELAXED);            /* S6 */
    __atomic_store_n(&server->held, reply, __ATOMIC_RELAXED);
    atomic_store_explicit(&reply->holder, server, memory_order_relaxed);
    self->wait.kind = WAIT_REPLY;
    __atomic_store_n(&self->wait.until, TICKS_NEVER, __ATOMIC_RELAXED);
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    switch_threads(cpu, self, server, own > lent ? own : lent);
    atomic_store(&self->state, THREAD_WAITING);
    atomic_store(&reply->state, REPLY_WAITED); /* Y4 from here on */
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        return end_wait_of(self, server);
    return server;

unlock_set:
    if (port->set)
        spin_unlock(&port->set->lock);
unlock_port:
    spin_unlock(&port->lock);
    return NULL;
}

/* ---- an answer ---- */

/* Where the thread that answers waits next: a port or set that has no message. Its lock is held. */
struct waiting_place {
    struct spinlock *lock;
    struct list *waiters;
};

static inline bool lock_set(struct ipc_entry *entry, uint32_t bits, struct waiting_place *out)
{
    struct port_set *set = set_of(entry_object(entry));
    if (unlikely(!spin_trylock(&set->lock)))
        return false;
    *out = (struct waiting_place){&set->lock, &set->receivers};
    if (likely(entry_object(entry) == &set->ipc &&
               atomic_load_explicit(&entry->bits, memory_order_relaxed) == bits &&
               set->ipc.kind == IPC_SET && set->alive && list_is_empty(&set->ready)))
        return true;
    spin_unlock(&set->lock);
    return false;
}

static inline bool lock_waiting_place(struct thread *self, mach_port_name_t name,
                                      struct waiting_place *out)
{
    struct ipc_entry *entry = space_peek(self->task->space, name);
    if (unlikely(!entry))
        return false;
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    if (unlikely(bits >> 16 != (name & 0xffff)))
        return false;
    if (bits & RIGHT_SET)
        return lock_set(entry, bits, out);
    if (unlikely(!(bits & RIGHT_RECEIVE)))
        return false;
    struct port *port = lock_port(entry, (uint64_t)(uintptr_t)entry_object(entry), bits);
    if (unlikely(!port))
        return false;
    *out = (struct waiting_place){&port->lock, &port->receivers};
    if (likely(!port->set && list_is_empty(&port->queue)))
        return true;
    spin_unlock(&port->lock);
    return false;
}

/* Does the client take the answer and the processor, without anybody more urgent to be asked? */
static inline bool may_take_over(struct cpu *cpu, struct thread *client, unsigned priority)
{
    int top = LOOK(cpu->run_queue.top);
    if (unlikely(top >= (int)priority)) {
        if (top > (int)priority)
            return false;
        /* Somebody as urgent as the client came while something more urgent ran: the turn gets an end. */
        if (cpu->turn_end == TICKS_NEVER)
            atomic_store_explicit(&cpu->reschedule, 1, memory_order_relaxed);
    }
    return atomic_load_explicit(&client->flags, memory_order_relaxed) == 0 &&
           may_run_here(client, cpu);
}

/* Long answers: the client's buffer is written while its wait is claimed. */
static bool give_long(struct thread *self, struct reply *reply, uint32_t length)
{
    struct thread *client = reply->owner;
    uint32_t waited = REPLY_WAITED;
    if (!atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED))
        return false;
    bool fits = copy_long(self, client, length);
    if (fits) {
        clear_long(client);
        return true;
    }
    atomic_store(&reply->state, REPLY_WAITED);
    if (atomic_load(&client->flags) & THREAD_FLAG_TERMINATE) /* who came meanwhile found nothing to end */
        (void)wait_abort(client);
    return false;
}

static inline bool claim_client(struct thread *self, struct reply *reply, uint32_t length)
{
    uint32_t waited = REPLY_WAITED;
    if (unlikely(length > MSG_REGISTER_BYTES))
        return give_long(self, reply, length);
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

static inline struct thread *answer(struct cpu *cpu, struct thread *self, uint64_t id,
                                    uint64_t control)
{
    struct reply *reply = self->held;
    struct waiting_place place;
    uint32_t length = msg_length(control);
    /* Exactly WAITED: without a deadline. */
    if (unlikely(!reply || !is_length_ok(length) ||
                 atomic_load_explicit(&reply->state, memory_order_acquire) != REPLY_WAITED))
        return NULL;
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    if (unlikely(!may_take_over(cpu, client, priority) ||
                 !lock_waiting_place(
                     self, (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE), &place)))
        return NULL;
    if (unlikely(!claim_client(self, reply, length))) {
        spin_unlock(place.lock);
        return NULL;
    }

    /* From here on it is done. The client is ours alone. */
    if (unlikely(length > MSG_REGISTER_BYTES))
        atomic_store(&reply->state, REPLY_IDLE);
    set_header(client, id, (control & LENGTH_MASK) | MSG_MOVE_SEND_ONCE << MSG_LOCAL_SHIFT, 0, 0,
               0);
    __atomic_store_n(&self->held, NULL, __ATOMIC_RELAXED);
    atomic_store_explicit(&self->inherited, 0, memory_order_relaxed);
    __atomic_store_n(&self->context, &self->own_context, __ATOMIC_RELAXED);
    self->wait.kind = WAIT_RECEIVE;
    self->wait.until = TICKS_NEVER;
    arch_message_set(&self->arch, MSG_X_DEST, 0); /* the rest, if it is woken: to receive */
    list_push_back(place.waiters, &self->wait.link);
    atomic_store_explicit(&self->wait.queue_lock, place.lock, memory_order_relaxed); /* W4 */
    switch_threads(cpu, self, client, priority);
    atomic_store(&self->state, THREAD_WAITING);
    spin_unlock(place.lock); /* who takes the lock finds the thread waiting, and its registers saved */
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        return end_wait_of(self, client);
    return client;
}

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t local)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    if (unlikely(local != 0))
        return NULL;
    uint64_t shape = control & ~LENGTH_MASK;
    if (shape == CALL_CONTROL &&
        (uint32_t)arch_message_get(&self->arch, MSG_X_RECEIVE) == MSG_REPLY)
        return call(cpu, self, dest, id, control);
    if (shape == ANSWER_CONTROL && (uint32_t)dest == MSG_REPLY)
        return answer(cpu, self, id, control);
    return NULL;
}
