/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of the message trap (fast.c), where there is something about a call or an answer: ports
 * in sets, CPUs that a thread may not run on, another one that is as urgent.
 * Less is known when this is compiled; where something is asked of one of the two the header goes by way of the receiver's saved state.
 */
#include "fast_impl.h"
#include <arch/upcalls.h>
#include <kern/sched.h>
#include <kern/trace.h>
#include <kern/wait.h>

/* ---- from one thread to the other ---- */

/* Something is asked of one of the two. The message is in saved state and registers, for whatever comes next. */
static struct thread *after_switch(struct thread *self, struct thread *next)
{
    uint64_t body[8];
    uint32_t flags = relaxed_load(self->flags);
    if (relaxed_load(next->flags) & THREAD_FLAGS_ASK)
        relaxed_store(arch_cpu_self()->reschedule, 1);
    arch_message_keep(body);
    if (flags & THREAD_FLAG_MOVE) /* its urgency may have changed when it was lent already */
        sched_raise_servers(self);
    /* T3: told to die while it went to wait; who told it may have found nothing to end. It may have ended by now, too: then
     * it is told nothing any more, or another thread is where it was, and has not been told. */
    if (flags & relaxed_load(self->flags) & THREAD_FLAG_TERMINATE)
        (void)wait_abort(self);
    arch_message_load(body);
    return next;
}

static inline bool is_asked(struct thread *self, struct thread *next)
{
    return (relaxed_load(self->flags) | relaxed_load(next->flags)) & THREAD_FLAGS_ASK;
}

/* All is told of the message, which takes its time, and of the switch. Its header is in saved state, too. */
[[gnu::cold, gnu::noinline]] static struct thread *after_watched_switch(struct thread *self,
                                                                        struct thread *next)
{
    uint64_t body[8];
    arch_message_keep(body);
    msg_trace_switch(self, next);
    arch_message_load(body);
    return after_switch(self, next);
}

/* `attention`: of the processor. What is told of the switch alone has been. */
static inline struct thread *after_any_switch(struct thread *self, FAST_HEADER, struct thread *next,
                                              uint64_t attention)
{
    set_header(next, id, control, local, remote, seqno);
    if (unlikely(attention & ATTENTION_WATCH(TRACE_WATCH_ALL)))
        return after_watched_switch(self, next);
    return after_switch(self, next);
}

struct thread *fast_after_switch(struct thread *self, FAST_HEADER, struct thread *next,
                                 struct cpu *cpu)
{
    uint64_t attention = relaxed_load(cpu->attention);
    if (likely(attention & ATTENTION_WATCH(TRACE_WATCH_SWITCH)))
        trace_record_on(cpu, TRACE_SCHED_SWITCH, self->id, next->id);
    if (likely(!is_asked(self, next) && !(attention & ~ATTENTION_WATCH(TRACE_WATCH_SWITCH))))
        return arch_message_leave(next, id, control, local, remote, seqno);
    return after_any_switch(self, id, control, local, remote, seqno, next, attention);
}

struct thread *fast_after_switch_long(struct thread *self, FAST_HEADER, struct thread *next,
                                      struct cpu *cpu)
{
    uint64_t attention = relaxed_load(cpu->attention);
    if (attention & ATTENTION_WATCH(TRACE_WATCH_SWITCH))
        trace_record_on(cpu, TRACE_SCHED_SWITCH, self->id, next->id);
    return after_any_switch(self, id, control, local, remote, seqno, next, attention);
}

/* `next`, which nobody else can find any more, takes the processor. */
static void switch_threads(struct cpu *cpu, struct thread *self, struct thread *next,
                           unsigned priority)
{
    arch_thread_switch(&self->arch, &next->arch);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    publish_switch(cpu, self, next, priority);
}

/* ---- a call ---- */

/* The first waiter of a list, whose lock is held; it leaves the list if it may be given to. */
static inline struct thread *take_server(struct thread *self, struct port *port,
                                         struct list *waiters, uint64_t control,
                                         const struct cpu *cpu, bool is_long)
{
    struct thread *server = port->server;
    uintptr_t first =
        (uintptr_t)server + offsetof(struct thread, wait.link); /* NULL is no waiter */
    if (unlikely((uintptr_t)waiters->next != first || server->wait.until != TICKS_NEVER ||
                 !may_go_on_here(server, cpu) || is_looked_at(self, server)) ||
        (is_long && fast_copy_long(self, server, control) != KERN_SUCCESS))
        return NULL;
    take_off_list(server);
    return server;
}

/* The port's lock is held, and released. */
[[gnu::always_inline]] static inline struct thread *call_port(struct thread *self,
                                                              struct port *port, uint64_t id,
                                                              uint64_t control, bool is_long)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = self->reply;
    struct port_set *set = port->set;
    struct thread *server = NULL;
    if (!set)
        server = take_server(self, port, &port->receivers, control, cpu, is_long);
    else if (spin_trylock(&set->lock)) {
        server = take_server(self, port, &set->receivers, control, cpu, is_long);
        spin_unlock(&set->lock);
    }
    if (unlikely(!server)) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint64_t seqno = port->seqno;
    port->seqno = (uint32_t)seqno + 1;
    uint64_t local = port->local, payload = port->has_payload;
    unsigned priority = lend(cpu, self, server, reply);
    spin_unlock(&port->lock);
    switch_threads(cpu, self, server, priority);
    atomic_store_explicit(&reply->state, REPLY_WAITED, memory_order_release); /* Y4 from here on */
    control += CALL_RECEIVED + (payload << MSG_FLAGS_SHIFT);                  /* MSG_FLAG_PAYLOAD */
    return leave_to(cpu, self, server, id, control, local, MSG_REPLY, seqno, is_long);
}

/* Neither dead nor a kernel object's; senders that wait for room are not overtaken, and who has their turn passes it
 * on. */
static inline bool may_call(struct port *port)
{
    if (likely(relaxed_load(port->head) == (PORT_HEAD | (uint32_t)PORT_DETOUR_SET << 24)))
        return true;
    if ((port->head & PORT_HEAD_MASK) != PORT_HEAD)
        return false;
    port_note_detour_locked(port);
    return !(port->detour & (PORT_DETOUR_SENDERS | PORT_DETOUR_QUEUE | PORT_DETOUR_ASKED));
}

struct thread *fast_call_odd(struct port *port, FAST_PARAMETERS)
{
    FAST_UNUSED();
    if (likely(may_call(port)))
        return call_port(self, port, id, control, false);
    spin_unlock(&port->lock);
    return NULL;
}

struct thread *fast_call_odd_long(struct port *port, FAST_PARAMETERS)
{
    FAST_UNUSED();
    if (likely(may_call(port)))
        return call_port(self, port, id, control, true);
    spin_unlock(&port->lock);
    return NULL;
}

/* ---- an answer ---- */

/* Somebody as urgent as the client, or more so, is ready. As urgent: it came while something more urgent ran, and the
 * client's turn gets an end, as set_turn() (kernel/sched/turn.h) would give it. An alarm that comes before sets itself anew. */
static bool give_turn_an_end(struct cpu *cpu, const struct thread *client, int top,
                             unsigned priority)
{
    if (top > (int)priority)
        return false;
    if (cpu->turn_end != TICKS_NEVER)
        return true;
    ticks_t left = relaxed_load(client->context->left);
    ticks_t end = relaxed_load(cpu->turn_start) + left;
    if (likely(left > 0 && cpu->alarm <= end))
        cpu->turn_end = end;
    else
        relaxed_store(cpu->reschedule, 1);
    return true;
}

static inline bool claim_client(struct thread *self, struct reply *reply, uint64_t control,
                                bool is_long)
{
    uint32_t waited = REPLY_WAITED;
    if (is_long)
        return fast_give_long(self, reply, control);
    return atomic_compare_exchange_strong_explicit(&reply->state, &waited, REPLY_IDLE,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* The thread that answers waits on this list next, whose lock is held, and released. */
[[gnu::always_inline]] static inline struct thread *answer_and_wait(struct thread *self,
                                                                    struct spinlock *lock,
                                                                    struct list *waiters,
                                                                    uint64_t id, uint64_t control,
                                                                    bool is_long)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = self->held;
    struct thread *client = reply->owner;
    unsigned priority = sched_effective(client);
    int top = relaxed_load(cpu->run_queue.top);
    /* On another context, time is charged before it goes on (S6). */
    if (unlikely(!may_go_on_here(client, cpu) || self->context != client->context ||
                 (top >= (int)priority && !give_turn_an_end(cpu, client, top, priority)) ||
                 !claim_client(self, reply, control, is_long))) {
        spin_unlock(lock);
        return NULL;
    }

    /* From here on it is done. The client is ours alone. */
    wait_again(self, lock, waiters);
    switch_threads(cpu, self, client, priority);
    spin_unlock(lock); /* who takes the lock finds the thread waiting, and its registers saved */
    return leave_to(cpu, self, client, id, control + ANSWER_RECEIVED, 0, 0, 0, is_long);
}

[[gnu::always_inline]] static inline struct thread *answer_into_port(struct thread *self,
                                                                     struct port *port, uint64_t id,
                                                                     uint64_t control, bool is_long)
{
    if (likely((port->head & PORT_HEAD_MASK) == PORT_HEAD && !port->set &&
               list_is_empty(&port->queue) && !port_has_armed_request(port)))
        return answer_and_wait(self, &port->lock, &port->receivers, id, control, is_long);
    spin_unlock(&port->lock);
    return NULL;
}

struct thread *fast_answer_odd(struct port *port, FAST_PARAMETERS)
{
    FAST_UNUSED();
    return answer_into_port(self, port, id, control, false);
}

struct thread *fast_answer_odd_long(struct port *port, FAST_PARAMETERS)
{
    FAST_UNUSED();
    return answer_into_port(self, port, id, control, true);
}

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
        return answer_and_wait(self, &set->lock, &set->receivers, id, control, is_long);
    spin_unlock(&set->lock);
    return NULL;
}

struct thread *fast_answer_set(struct ipc_entry *entry, FAST_PARAMETERS)
{
    FAST_UNUSED();
    return answer_into_set(self, entry, id, control, false);
}

struct thread *fast_answer_set_long(struct ipc_entry *entry, FAST_PARAMETERS)
{
    FAST_UNUSED();
    return answer_into_set(self, entry, id, control, true);
}
