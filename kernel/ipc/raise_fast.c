/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct way of exceptions (kern/exception.h): the handler waits for just that, so its registers, buffer and names
 * are written by the thread that raised, and it takes the processor; so does the thread when it is answered. No message,
 * no queue, no run queue. Whatever is not as it is most of the time is left to raise.c, send.c and receive.c: until the
 * line "from here on" nothing has been changed. The registers of the form with state go straight from one thread's frame
 * to the other's memory and back, by the direct map.
 *
 * What is done here is what they and the scheduler would do, under the same rules as in fast.c: W1, W2, W4 for the
 * handler's wait, Y1 to Y4 for the reply, S1, S4, S6 for context and urgency, T1, T3 for the states.
 */
#include "msg_impl.h"
#include "names.h"
#include "raise_impl.h"
#include <arch/atomic.h>
#include <kern/cpu.h>
#include <kern/exception.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/trace.h>
#include <kern/wait.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>

static bool may_go_on_here(struct thread *thread, const struct cpu *cpu)
{
    return !(relaxed_load(thread->flags) & THREAD_FLAGS_ASK) &&
           (relaxed_load(thread->affinity) >> cpu->number & 1);
}

/* `next`, which nobody else can find any more, has the processor from here on; registers have been switched. `self` is
 * published afterwards. */
static void take_processor(struct cpu *cpu, struct thread *next, unsigned priority)
{
    relaxed_store(next->runnable.cpu, (uint8_t)cpu->number);
    relaxed_store(cpu->running_priority, priority);
    cpu->current = next;
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    relaxed_store(next->state, THREAD_RUNNING);
}

/* Order rule of sched.c: states are published, then the flags are looked at. */
static void look_at_flags(struct cpu *cpu, struct thread *next)
{
    if (unlikely(atomic_load(&next->flags) & THREAD_FLAGS_ASK))
        relaxed_store(cpu->reschedule, 1);
}

/* The list that a thread waits on to receive, with its lock. */
struct receivers {
    struct spinlock *lock;
    struct list *list;
};

/* ---- to the handler ---- */

static inline bool wants(const struct exception_handler *handler, unsigned kind)
{
    return handler->mask >> kind & 1;
}

/* The first handler that wants to hear of it, and its port, locked; NULL: it is not registered at the task or thread, or
 * somebody has the lock. The handler's right keeps the port until the task's lock is free; from then on, who destroys
 * that right takes the port's lock first. */
static inline struct port *lock_handler(struct thread *self, enum exception_slot *slot)
{
    struct task *task = self->task;
    struct exception *e = &self->exception;
    const struct exception_handler *handler = &task->debugger;
    struct port *port = NULL;
    spin_lock(&task->lock);
    *slot = EXCEPTION_OF_DEBUGGER;
    if (!wants(handler, e->kind)) {
        handler = &self->handler;
        *slot = EXCEPTION_OF_THREAD;
        if (!wants(handler, e->kind)) {
            handler = &task->handler;
            *slot = EXCEPTION_OF_TASK;
        }
    }
    if (wants(handler, e->kind)) {
        port = port_of(handler->port.object);
        e->flavour = handler->flavour;
        if (!spin_trylock(&port->lock))
            port = NULL;
    }
    spin_unlock(&task->lock);
    return port;
}

/* Where threads wait to receive from the port, locked: the port's lock is held, a set's is taken. */
static inline bool lock_receivers(struct port *port, struct receivers *out)
{
    struct port_set *set = port->set;
    if (unlikely(port->state != PORT_ALIVE || port->kobject))
        return false;
    *out = (struct receivers){&port->lock, &port->receivers};
    if (unlikely(set)) {
        *out = (struct receivers){&set->lock, &set->receivers};
        return spin_trylock(&set->lock);
    }
    return true;
}

/* The first of them; NULL: there is none, or it cannot be given to just so. */
static inline struct thread *first_receiver(const struct receivers *receivers,
                                            const struct cpu *cpu)
{
    if (list_is_empty(receivers->list))
        return NULL;
    struct thread *server = list_entry(receivers->list->next, struct thread, wait.link);
    return server->wait.until == TICKS_NEVER && may_go_on_here(server, cpu) ? server : NULL;
}

/* What the handler gets with the request. */
struct request {
    mach_port_name_t thread, task;         /* of the form with rights */
    struct exception_state_request *state; /* of the other: the handler's buffer, borrowed */
};

/* One user reference more of the name that the space has for the port already; MSG_NULL: it has none that can
 * have one more. The space's lock is held. */
static inline mach_port_name_t name_again(struct space *space, struct port *port)
{
    uint32_t index = tree_find(space, &port->ipc);
    struct ipc_entry *entry = index ? entry_at(space, index) : NULL;
    if (!entry || !(entry_rights(entry) & RIGHT_SEND) || entry->urefs >= SPACE_UREFS_MAX)
        return MSG_NULL;
    entry->urefs++;
    return index << 16 | relaxed_load(entry->bits) >> 16;
}

/* False: the space has no names for them yet, or somebody has its lock, which comes before the port's. */
static inline bool name_rights(struct thread *self, struct space *space, bool with_task,
                               struct request *out)
{
    if (!spin_trylock(&space->lock))
        return false;
    out->task = MSG_NULL;
    out->thread = name_again(space, self->self_port);
    if (out->thread != MSG_NULL && with_task) {
        out->task = name_again(space, self->task->self_port);
        if (out->task == MSG_NULL) {
            entry_at(space, out->thread >> 16)->urefs--;
            out->thread = MSG_NULL;
        }
    }
    spin_unlock(&space->lock);
    return out->thread != MSG_NULL;
}

/* False: the buffer cannot be written just so. */
static inline bool borrow_buffer(struct thread *server, struct request *out)
{
    if (arch_message_get(&server->arch, MSG_X_BUFFER_SIZE) < EXCEPTION_STATE_LENGTH)
        return false;
    out->state = pmap_borrow(server->pmap, arch_message_get(&server->arch, MSG_X_BUFFER),
                             EXCEPTION_STATE_LENGTH, PROT_WRITE);
    return out->state != NULL;
}

static uint64_t send_right_word(bool there)
{
    /* Of a descriptor: size 0, MSG_PORT, no flags. */
    return there ? (uint64_t)MSG_MOVE_SEND << 40 : 0;
}

/* The request's eight words in the handler's registers. */
static inline void write_rights(struct thread *self, struct thread *server,
                                const struct request *request)
{
    const struct exception *e = &self->exception;
    const uint64_t words[] = {request->thread,
                              send_right_word(true),
                              request->task,
                              send_right_word(request->task != MSG_NULL),
                              e->kind | (uint64_t)self->id << 32,
                              e->code,
                              e->address};
    arch_message_set_body(&server->arch, words, array_count(words));
}

/* The request in the handler's buffer, which is given back. The thread's registers are saved. */
static inline void write_state(struct thread *self, struct thread *server,
                               const struct request *request)
{
    exception_fill(self, &request->state->request);
    arch_thread_get_general(&self->arch, &request->state->state);
    pmap_give_back(server->pmap);
    arch_message_set_body(&server->arch, NULL, 0);
}

static inline void set_header(struct thread *server, uint32_t id, uint64_t control, uint64_t local,
                              uint32_t seqno)
{
    struct arch_thread *t = &server->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, id);
    arch_message_set(t, MSG_X_CONTROL, control);
    arch_message_set(t, MSG_X_LOCAL, local);
    arch_message_set(t, MSG_X_RECEIVE, MSG_REPLY);
    arch_message_set(t, MSG_X_DEADLINE, seqno);
    arch_message_set(t, MSG_X_BUFFER, 0);
    arch_message_set(t, MSG_X_BUFFER_SIZE, 0);
}

/* The handler works for the thread from now on; returns its urgency. */
static inline unsigned lend(struct cpu *cpu, struct thread *self, struct thread *server,
                            struct reply *reply)
{
    unsigned lent = relaxed_load(cpu->running_priority), own = relaxed_load(server->floor);
    relaxed_store(server->inherited, lent);        /* S4 */
    relaxed_store(server->context, self->context); /* S6 */
    relaxed_store(server->held, reply);            /* Y1 */
    relaxed_store(reply->holder, server);
    return own > lent ? own : lent;
}

/* The handler has been taken off the list; its registers and buffer are the caller's to write. */
static inline void give(struct cpu *cpu, struct thread *self, struct thread *server,
                        const struct request *request)
{
    struct reply *reply = atomic_load_explicit(&self->exception_reply, memory_order_relaxed);
    trace(TRACE_SCHED_SWITCH, self->id, server->id);
    arch_thread_switch(&self->arch, &server->arch);
    if (request->state)
        write_state(self, server, request);
    else
        write_rights(self, server, request);
    self->wait.kind = WAIT_EXCEPTION;
    relaxed_store(self->wait.until, TICKS_NEVER);
    take_processor(cpu, server, lend(cpu, self, server, reply));
    atomic_store(&self->state, THREAD_WAITING);
    atomic_store(&reply->state, EXCEPTION_WAITED); /* E1, Y4 from here on */
    look_at_flags(cpu, server);
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        (void)reply_end_exception(reply, self);
}

/* The port's lock is held, and that of the list; both are released. */
static inline bool ask(struct thread *self, struct port *port, const struct receivers *receivers,
                       enum exception_slot slot)
{
    struct cpu *cpu = arch_cpu_self();
    struct request request = {.state = NULL};
    bool with_state = self->exception.flavour == EXCEPTION_PORTS_FLAVOUR_STATE;
    struct thread *server = first_receiver(receivers, cpu), *before = NULL;
    bool ready = server && (with_state ? borrow_buffer(server, &request)
                                       : name_rights(self, server->space,
                                                     slot != EXCEPTION_OF_THREAD, &request));
    if (likely(ready)) {
        /* From here on it is done. */
        uint64_t control = with_state
                               ? MSG_CONTROL(0, 0, EXCEPTION_STATE_LENGTH, 0)
                               : MSG_CONTROL(0, 0, EXCEPTION_RIGHTS_LENGTH, EXCEPTION_RIGHTS);
        list_remove(&server->wait.link);
        relaxed_store(server->wait.queue_lock, NULL); /* W4 */
        set_header(server, with_state ? EXCEPTION_ID_RAISE_STATE : EXCEPTION_ID_RAISE,
                   control | MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 0, 0) |
                       (uint64_t)port->has_payload << MSG_FLAGS_SHIFT,
                   port->local, port->seqno++);
        before = port_note_server_locked(port, server);
    }
    if (unlikely(receivers->lock != &port->lock))
        spin_unlock(receivers->lock);
    spin_unlock(&port->lock);
    if (unlikely(!ready))
        return false;
    self->exception.next = (uint8_t)(slot + 1);
    give(cpu, self, server, &request);
    if (unlikely(before))
        thread_unref(before);
    return true;
}

bool exception_raise_fast(struct thread *self)
{
    struct reply *reply = atomic_load_explicit(&self->exception_reply, memory_order_relaxed);
    enum exception_slot slot;
    struct receivers receivers;
    if (unlikely(!reply || relaxed_load(reply->state) != REPLY_IDLE))
        return false;
    struct port *port = lock_handler(self, &slot);
    if (unlikely(!port))
        return false;
    if (likely(lock_receivers(port, &receivers)))
        return ask(self, port, &receivers, slot);
    spin_unlock(&port->lock);
    return false;
}

/* ---- and back ---- */

/* Where the handler waits to receive from a set that has no message, locked. */
static bool lock_idle_set(struct ipc_entry *entry, uint32_t bits, struct receivers *out)
{
    struct port_set *set = entry_peek_set(entry);
    if (!set || !spin_trylock(&set->lock))
        return false;
    *out = (struct receivers){&set->lock, &set->receivers};
    if (relaxed_load(entry->bits) == bits && set->alive && list_is_empty(&set->ready)) /* N3 */
        return true;
    spin_unlock(&set->lock);
    return false;
}

/* Where the handler waits next, for there is no message. */
static inline bool lock_idle(struct thread *self, struct receivers *out)
{
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE);
    struct ipc_entry *entry = space_peek(self->space, name);
    uint32_t bits = entry ? atomic_load_explicit(&entry->bits, memory_order_acquire) : 0;
    if (unlikely(bits >> 16 != (name & 0xffff) || !(bits & RIGHT_RECEIVE)))
        return bits >> 16 == (name & 0xffff) && (bits & RIGHT_SET) &&
               lock_idle_set(entry, bits, out);
    struct port *port = entry_peek_port(entry);
    if (unlikely(!port || !spin_trylock(&port->lock))) /* NULL: as in fast.c */
        return false;
    *out = (struct receivers){&port->lock, &port->receivers};
    if (likely(relaxed_load(entry->bits) == bits && port->state == PORT_ALIVE && !port->kobject &&
               !port->set && list_is_empty(&port->queue))) /* N3 */
        return true;
    spin_unlock(&port->lock);
    return false;
}

enum { STATE_LENGTH = sizeof(struct thread_state_general) };

/* Success, in one of the two shapes, and then to receive for as long as it takes. */
static bool is_plain(const struct thread *self, uint32_t *length)
{
    const struct arch_thread *t = &self->arch;
    uint64_t control = arch_message_get(t, MSG_X_CONTROL);
    *length = msg_length(control);
    return (uint32_t)arch_message_get(t, MSG_X_ID) == KERN_SUCCESS &&
           (control == MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, STATE_LENGTH, 0) ||
            control == MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0)) &&
           (uint32_t)arch_message_get(t, MSG_X_LOCAL) == MSG_NULL &&
           arch_message_get(t, MSG_X_DEADLINE) == NANOS_NEVER;
}

/* The thread's wait is taken, and its registers are set, if the answer is what it waits for. */
static inline bool take_thread(struct thread *self, struct reply *reply, uint32_t length)
{
    struct thread *thread = reply->owner;
    uint32_t waited = EXCEPTION_WAITED;
    const struct thread_state_general *state = NULL;
    if (length > 0) {
        state = pmap_borrow(self->pmap, arch_message_get(&self->arch, MSG_X_ADDRESS), length,
                            PROT_READ);
        if (!state)
            return false;
    }
    bool taken = atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED),
         fits = taken &&
                (thread->exception.flavour == EXCEPTION_PORTS_FLAVOUR_STATE) == (state != NULL) &&
                (!state || exception_set_state(thread, state));
    if (state)
        pmap_give_back(self->pmap);
    if (likely(fits))
        atomic_store(&reply->state, REPLY_IDLE);
    else if (taken)
        exception_let_go(reply);
    return fits;
}

/* Nobody is more urgent, or as urgent and waits for a turn. */
static bool is_most_urgent(const struct cpu *cpu, unsigned priority)
{
    return relaxed_load(cpu->run_queue.top) < (int)priority;
}

bool exception_answer_fast(struct thread *self)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = self->held;
    struct thread *thread = reply->owner;
    struct receivers receivers;
    uint32_t length;
    if (unlikely(relaxed_load(reply->state) != EXCEPTION_WAITED || !is_plain(self, &length)))
        return false;
    unsigned priority = sched_effective(thread);
    /* On another context, time is charged before it goes on (S6). */
    if (unlikely(!is_most_urgent(cpu, priority) || !may_go_on_here(thread, cpu) ||
                 self->context != thread->context || !lock_idle(self, &receivers)))
        return false;
    if (unlikely(!take_thread(self, reply, length))) {
        spin_unlock(receivers.lock);
        return false;
    }

    /* From here on it is done. The thread is ours alone. */
    relaxed_store(self->held, NULL);
    relaxed_store(self->inherited, 0);
    relaxed_store(self->context, &self->own_context);
    self->wait.kind = WAIT_RECEIVE;
    relaxed_store(self->wait.until, TICKS_NEVER);
    arch_message_set(&self->arch, MSG_X_DEST, MSG_NULL); /* the rest, if it is woken: to receive */
    list_push_back(receivers.list, &self->wait.link);
    relaxed_store(self->wait.queue_lock, receivers.lock); /* W4 */
    trace(TRACE_SCHED_SWITCH, self->id, thread->id);
    arch_thread_switch(&self->arch, &thread->arch);
    take_processor(cpu, thread, priority);
    atomic_store(&self->state, THREAD_WAITING);
    /* Who takes the lock finds the handler waiting, and its registers saved. */
    spin_unlock(receivers.lock);
    look_at_flags(cpu, thread);
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        (void)wait_abort(self);
    return true;
}
