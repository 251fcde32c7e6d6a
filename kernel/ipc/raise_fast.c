/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct way of exceptions (kern/exception.h): the handler waits for just that, so its registers, buffer and names
 * are written by the thread that raised, and it takes the processor; so does the thread when it is answered. No message,
 * no queue, no run queue. Whatever is not as it is most of the time is left to raise.c, send.c and receive.c.
 *
 * What is done here is what they and the scheduler would do, under the same rules as in fast.c: W1, W2, W4 for the
 * handler's wait, Y1 to Y4 for the reply, S1, S4, S6 for context and urgency, T1, T3 for the states.
 */
#include "msg_impl.h"
#include "names.h"
#include "raise_impl.h"
#include <arch/atomic.h>
#include <arch/usercopy.h>
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
    return relaxed_load(thread->flags) == 0 && (relaxed_load(thread->affinity) >> cpu->number & 1);
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
    if (unlikely(atomic_load(&next->flags)))
        relaxed_store(cpu->reschedule, 1);
}

/* ---- to the handler ---- */

/* The first that waits to receive, taken off its list, if it can be given to. The port's lock is held. */
static inline struct thread *pop_server(struct port *port, const struct cpu *cpu)
{
    if (port->set || list_is_empty(&port->receivers))
        return NULL;
    struct thread *server = list_entry(port->receivers.next, struct thread, wait.link);
    if (server->wait.until != TICKS_NEVER || !may_go_on_here(server, cpu))
        return NULL;
    list_remove(&server->wait.link);
    relaxed_store(server->wait.queue_lock, NULL); /* W4 */
    return server;
}

static inline bool find_server(struct port *port, const struct cpu *cpu, struct server *out)
{
    if (!spin_trylock(&port->lock))
        return false;
    struct thread *server = NULL, *before = NULL;
    if (port->state == PORT_ALIVE && !port->kobject)
        server = pop_server(port, cpu);
    if (server) {
        *out = (struct server){server, port->local, port->seqno++, port->has_payload};
        before = port_note_server_locked(port, server);
    }
    spin_unlock(&port->lock);
    if (unlikely(before))
        thread_unref(before);
    return server;
}

/* One user reference more of the name that the space has for the port already; MSG_NULL: it has none that can
 * have one more. The space's lock is held. */
static mach_port_name_t name_again(struct space *space, struct port *port)
{
    uint32_t index = tree_find(space, &port->ipc);
    struct ipc_entry *entry = index ? entry_at(space, index) : NULL;
    if (!entry || !(entry_rights(entry) & RIGHT_SEND) || entry->urefs >= SPACE_UREFS_MAX)
        return MSG_NULL;
    entry->urefs++;
    return index << 16 | relaxed_load(entry->bits) >> 16;
}

static uint64_t send_right_word(void)
{
    return (uint64_t)MSG_MOVE_SEND << 40; /* of a descriptor: size 0, MSG_PORT, no flags */
}

/* The request's eight words in the handler's registers; false: the space has no names yet. */
static bool write_rights(struct thread *self, struct thread *server, bool with_task)
{
    const struct exception *e = &self->exception;
    struct space *space = server->space;
    mach_port_name_t thread, task = MSG_NULL;
    spin_lock(&space->lock);
    thread = name_again(space, self->self_port);
    if (thread != MSG_NULL && with_task) {
        task = name_again(space, self->task->self_port);
        if (task == MSG_NULL)
            entry_at(space, thread >> 16)->urefs--;
    }
    spin_unlock(&space->lock);
    if (thread == MSG_NULL || (with_task && task == MSG_NULL))
        return false;
    const uint64_t words[] = {thread,
                              send_right_word(),
                              task,
                              with_task ? send_right_word() : 0,
                              e->kind | (uint64_t)self->id << 32,
                              e->code,
                              e->address};
    arch_message_set_body(&server->arch, words, array_count(words));
    return true;
}

/* The request in the handler's buffer, whose address space becomes the current one; the thread's registers are saved.
 * False: the buffer cannot be written just so. */
static bool write_state(struct cpu *cpu, struct thread *self, struct thread *server)
{
    struct exception_state_request body;
    vaddr_t buffer = arch_message_get(&server->arch, MSG_X_BUFFER);
    if (arch_message_get(&server->arch, MSG_X_BUFFER_SIZE) < sizeof(body))
        return false;
    exception_fill(self, &body.request);
    arch_thread_get_state(&self->arch, THREAD_STATE_GENERAL, false, &body.state);
    pmap_activate_user(cpu, server->pmap, server->pmap->active);
    if (arch_copyout(buffer, &body, sizeof(body)) == KERN_SUCCESS) {
        arch_message_set_body(&server->arch, NULL, 0);
        return true;
    }
    pmap_activate_user(cpu, self->pmap, self->pmap->active);
    return false;
}

/* The handler works for the thread from now on; returns its urgency. */
static unsigned lend(struct cpu *cpu, struct thread *self, struct thread *server,
                     struct reply *reply)
{
    unsigned lent = relaxed_load(cpu->running_priority), own = relaxed_load(server->floor);
    relaxed_store(server->inherited, lent);        /* S4 */
    relaxed_store(server->context, self->context); /* S6 */
    relaxed_store(server->held, reply);            /* Y1 */
    relaxed_store(reply->holder, server);
    return own > lent ? own : lent;
}

bool exception_ask_fast(struct thread *self, struct port *port, enum exception_slot slot,
                        unsigned flavour, struct server *to)
{
    struct cpu *cpu = arch_cpu_self();
    struct reply *reply = atomic_load_explicit(&self->exception_reply, memory_order_relaxed);
    bool with_state = flavour == EXCEPTION_PORTS_FLAVOUR_STATE;
    if (!reply || relaxed_load(reply->state) != REPLY_IDLE || !find_server(port, cpu, to))
        return false;
    struct thread *server = to->thread;
    if (!with_state && !write_rights(self, server, slot != EXCEPTION_OF_THREAD))
        return false;
    arch_thread_switch(&self->arch, &server->arch);
    if (with_state && !write_state(cpu, self, server)) {
        arch_thread_switch(&server->arch, &self->arch);
        return false;
    }

    /* From here on it is done. */
    uint64_t control = with_state ? MSG_CONTROL(0, 0, EXCEPTION_STATE_LENGTH, 0)
                                  : MSG_CONTROL(0, 0, EXCEPTION_RIGHTS_LENGTH, EXCEPTION_RIGHTS);
    msg_set_header(server, with_state ? EXCEPTION_ID_RAISE_STATE : EXCEPTION_ID_RAISE,
                   control | MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 0, 0) |
                       (uint64_t)to->payload << MSG_FLAGS_SHIFT,
                   to->local, MSG_REPLY, to->seqno);
    trace(TRACE_SCHED_SWITCH, self->id, server->id);
    self->wait.kind = WAIT_REPLY;
    relaxed_store(self->wait.until, TICKS_NEVER);
    take_processor(cpu, server, lend(cpu, self, server, reply));
    atomic_store(&self->state, THREAD_WAITING);
    atomic_store(&reply->state, EXCEPTION_WAITED); /* E1, Y4 from here on */
    look_at_flags(cpu, server);
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        (void)reply_end_exception(reply, self);
    return true;
}

/* ---- and back ---- */

/* The port that the handler receives from next, locked: without a message. */
static struct port *lock_empty_port(struct thread *self)
{
    mach_port_name_t name = (mach_port_name_t)arch_message_get(&self->arch, MSG_X_RECEIVE);
    struct ipc_entry *entry = space_peek(self->space, name);
    uint32_t bits = entry ? atomic_load_explicit(&entry->bits, memory_order_acquire) : 0;
    if (bits >> 16 != (name & 0xffff) || !(bits & RIGHT_RECEIVE))
        return NULL;
    struct port *port = port_of((struct ipc_object *)(uintptr_t)relaxed_load(entry->object));
    if (!port || !spin_trylock(&port->lock)) /* NULL: as in fast.c */
        return NULL;
    if (relaxed_load(entry->bits) == bits && port->state == PORT_ALIVE && !port->kobject &&
        !port->set && list_is_empty(&port->queue)) /* N3 */
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

/* Success, in one of the two shapes, and then to receive for as long as it takes. */
static bool is_plain(const struct thread *self, uint32_t *length)
{
    const struct arch_thread *t = &self->arch;
    uint64_t control = arch_message_get(t, MSG_X_CONTROL);
    *length = msg_length(control);
    return (uint32_t)arch_message_get(t, MSG_X_ID) == KERN_SUCCESS &&
           control == MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, *length, 0) &&
           (*length == 0 || *length == sizeof(struct thread_state_general)) &&
           (uint32_t)arch_message_get(t, MSG_X_LOCAL) == MSG_NULL &&
           arch_message_get(t, MSG_X_DEADLINE) == NANOS_NEVER;
}

/* The thread's wait is taken, and its registers are set, if the answer is what it waits for. */
static bool take_thread(struct reply *reply, uint32_t length,
                        const struct thread_state_general *state)
{
    struct thread *thread = reply->owner;
    uint32_t waited = EXCEPTION_WAITED;
    if (!atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED))
        return false;
    bool wants_state = thread->exception.flavour == EXCEPTION_PORTS_FLAVOUR_STATE;
    if (wants_state == (length > 0) && (!wants_state || exception_set_state(thread, state))) {
        atomic_store(&reply->state, REPLY_IDLE);
        return true;
    }
    exception_let_go(reply);
    return false;
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
    struct thread_state_general state;
    uint32_t length;
    if (relaxed_load(reply->state) != EXCEPTION_WAITED || !is_plain(self, &length) ||
        (length > 0 &&
         arch_copyin(&state, arch_message_get(&self->arch, MSG_X_ADDRESS), length) != KERN_SUCCESS))
        return false;
    unsigned priority = sched_effective(thread);
    struct port *port = is_most_urgent(cpu, priority) ? lock_empty_port(self) : NULL;
    if (!port)
        return false;
    if (!may_go_on_here(thread, cpu) || !take_thread(reply, length, &state)) {
        spin_unlock(&port->lock);
        return false;
    }

    /* From here on it is done. The thread is ours alone. */
    relaxed_store(self->held, NULL);
    relaxed_store(self->inherited, 0);
    relaxed_store(self->context, &self->own_context);
    self->wait.kind = WAIT_RECEIVE;
    relaxed_store(self->wait.until, TICKS_NEVER);
    arch_message_set(&self->arch, MSG_X_DEST, MSG_NULL); /* the rest, if it is woken: to receive */
    list_push_back(&port->receivers, &self->wait.link);
    relaxed_store(self->wait.queue_lock, &port->lock); /* W4 */
    trace(TRACE_SCHED_SWITCH, self->id, thread->id);
    arch_thread_switch(&self->arch, &thread->arch);
    take_processor(cpu, thread, priority);
    atomic_store(&self->state, THREAD_WAITING);
    spin_unlock(
        &port->lock); /* who takes the lock finds the handler waiting, and its registers saved */
    look_at_flags(cpu, thread);
    if (unlikely(atomic_load(&self->flags) & THREAD_FLAG_TERMINATE))
        (void)wait_abort(self);
    return true;
}
