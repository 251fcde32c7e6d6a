/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is asked about exceptions, and in which order (kern/exception.h: E1 to E5).
 */
#include <arch/thread.h>
#include <kern/exception.h>
#include <kern/port.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>

static struct spinlock host_lock = SPINLOCK_INIT(LOCK_LAST_RESORT);
static struct exception_handler host_handler; /* host_lock */

static bool is_told_to_die(struct thread *thread)
{
    return atomic_load(&thread->flags) & THREAD_FLAG_TERMINATE;
}

/* ---- asking one after the other ---- */

/* A handler that wants to hear of it: its port, with a reference, and its flavour. The lock of the place is held. */
static struct port *wanted(const struct exception_handler *handler, unsigned kind,
                           unsigned *flavour)
{
    if (!(handler->mask >> kind & 1))
        return NULL;
    struct port *port = container_of(handler->port.object, struct port, ipc);
    port_ref(port);
    *flavour = handler->flavour;
    return port;
}

static const struct exception_handler *handler_of(const struct thread *self, unsigned slot)
{
    return slot == EXCEPTION_OF_THREAD     ? &self->handler
           : slot == EXCEPTION_OF_DEBUGGER ? &self->task->debugger
                                           : &self->task->handler;
}

static struct port *next_of_task(struct thread *self, unsigned *flavour)
{
    struct exception *e = &self->exception;
    struct port *port = NULL;
    spin_lock(&self->task->lock);
    while (!port && e->next < EXCEPTION_OF_HOST)
        port = wanted(handler_of(self, e->next++), e->kind, flavour);
    spin_unlock(&self->task->lock);
    return port;
}

/* The next one; NULL: there is no more. */
static inline struct port *next_handler(struct thread *self, unsigned *flavour)
{
    struct exception *e = &self->exception;
    struct port *port = NULL;
    if (e->next < EXCEPTION_OF_HOST)
        port = next_of_task(self, flavour);
    if (!port && e->next == EXCEPTION_OF_HOST) {
        e->next++;
        spin_lock(&host_lock);
        port = wanted(&host_handler, e->kind, flavour);
        spin_unlock(&host_lock);
    }
    return port;
}

/* True: the thread waits. */
static bool ask_next(struct thread *self)
{
    struct port *port;
    unsigned flavour = 0;
    while (!is_told_to_die(self) && (port = next_handler(self, &flavour)))
        if (exception_ask(self, port, self->exception.next - 1, flavour))
            return true;
    if (!is_told_to_die(self))
        exception_unhandled(self);
    return false;
}

void exception_raise(struct thread *self, unsigned kind, vaddr_t address, uint64_t code)
{
    if (unlikely(trace_is_on(TRACE_EXCEPTION)))
        trace_record(TRACE_EXCEPTION, kind, arch_thread_pc(&self->arch));
    self->exception = (struct exception){.kind = (uint8_t)kind, .address = address, .code = code};
    if (unlikely(!exception_raise_fast(self)))
        (void)ask_next(self);
}

bool exception_is_due(struct thread *thread)
{
    uint32_t mask = THREAD_FLAG_EXCEPTION | THREAD_FLAG_SUSPEND | THREAD_FLAG_TERMINATE;
    return (atomic_load(&thread->flags) & mask) == THREAD_FLAG_EXCEPTION;
}

bool exception_continue(struct thread *self)
{
    atomic_fetch_and(&self->flags, ~(uint32_t)THREAD_FLAG_EXCEPTION);
    return ask_next(self);
}

/* ---- registration ---- */

/* Where it is kept, with its lock held; NULL: the thread or task is ending. */
static struct exception_handler *open_place(const struct exception_place *place,
                                            struct spinlock **lock)
{
    bool of_thread = place->slot == EXCEPTION_OF_THREAD;
    struct task *task = of_thread ? place->thread->task : place->task;
    if (place->slot == EXCEPTION_OF_HOST) {
        spin_lock(*lock = &host_lock);
        return &host_handler;
    }
    spin_lock(*lock = &task->lock);
    if (task->dying || (of_thread && !place->thread->self_port)) {
        spin_unlock(*lock);
        return NULL;
    }
    return of_thread                              ? &place->thread->handler
           : place->slot == EXCEPTION_OF_DEBUGGER ? &task->debugger
                                                  : &task->handler;
}

static kern_return_t check(const struct exception_handler *handler)
{
    if (handler->mask & ~(uint32_t)EXCEPTION_ALL ||
        (handler->flavour != EXCEPTION_PORTS_FLAVOUR_RIGHTS &&
         handler->flavour != EXCEPTION_PORTS_FLAVOUR_STATE))
        return KERN_INVALID_VALUE;
    if (!handler->port.object)
        return KERN_SUCCESS;
    struct port *port = container_of(handler->port.object, struct port, ipc);
    spin_lock(&port->lock);
    bool kernel = port->kobject; /* no longer a kernel object's, once it has died */
    spin_unlock(&port->lock);
    return kernel ? KERN_INVALID_CAPABILITY : KERN_SUCCESS;
}

kern_return_t exception_swap(const struct exception_place *place, struct exception_handler *handler)
{
    kern_return_t kr = check(handler);
    if (kr != KERN_SUCCESS)
        return kr;
    struct spinlock *lock;
    struct exception_handler *kept = open_place(place, &lock);
    if (!kept)
        return KERN_TERMINATED;
    struct exception_handler old = *kept;
    *kept = *handler;
    if (!kept->port.object)
        *kept = (struct exception_handler){0};
    spin_unlock(lock);
    *handler = old;
    return KERN_SUCCESS;
}

/* The lock of the place it comes from is held. */
static void copy(const struct exception_handler *from, struct exception_handler *to)
{
    *to = *from;
    if (from->port.object)
        port_copy_send(container_of(from->port.object, struct port, ipc));
}

kern_return_t exception_get(const struct exception_place *place, struct exception_handler *out)
{
    struct spinlock *lock;
    const struct exception_handler *kept = open_place(place, &lock);
    if (!kept)
        return KERN_TERMINATED;
    copy(kept, out);
    spin_unlock(lock);
    return KERN_SUCCESS;
}

void exception_inherit(struct task *from, struct task *to)
{
    spin_lock(&from->lock);
    copy(&from->handler, &to->handler);
    spin_unlock(&from->lock);
}

/* ---- ends ---- */

static void take_away(struct spinlock *lock, struct exception_handler *handler)
{
    spin_lock(lock);
    struct exception_handler old = *handler;
    *handler = (struct exception_handler){0};
    spin_unlock(lock);
    kright_destroy(&old.port);
}

void exception_end_thread(struct thread *thread)
{
    exception_end_reply(thread);
    take_away(&thread->task->lock, &thread->handler);
}

void exception_end_task(struct task *task)
{
    take_away(&task->lock, &task->debugger);
    take_away(&task->lock, &task->handler);
}
