/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of a message in registers to a kernel object: the caller's own task and threads, the host and the
 * clock. They stay for as long as the caller runs, so that the port need not be locked and nothing be counted; it is
 * enough that entry and port are unchanged when the object has been read. Some others are held for the call (is_held()). The
 * rest takes the long way.
 *
 * Like fast.c this is compiled not to use the body's registers: they are kept first of all.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/cpu.h>
#include <kern/kcall.h>
#include <kern/kobj.h>
#include <kern/paged_object.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/clock_kernel.h>

/* The object behind the port of an entry; NULL: none that stays. */
static inline void *object_that_stays(struct thread *self, struct ipc_entry *entry, uint32_t bits,
                                      struct port *port, unsigned *kind)
{
    if (unlikely(!port)) /* the name has just become another's, or nobody's */
        return NULL;
    /* In this order: whose object it is, what kind it has, whether the name still is the port's. */
    void *object = __atomic_load_n(&port->object, __ATOMIC_ACQUIRE);
    uint32_t head = __atomic_load_n(&port->head, __ATOMIC_ACQUIRE);
    *kind = head >> 16 & 0xff;
    if (unlikely(relaxed_load(entry->bits) != bits ||
                 (head & 0xffff) != (IPC_PORT | PORT_ALIVE << 8)))
        return NULL;
    return object == self || object == self->task || object == &host ? object : NULL;
}

static inline uint32_t message_id(const struct thread *self)
{
    return (uint32_t)arch_message_get(&self->arch, MSG_X_ID);
}

static inline void begin(struct kcall *call, struct thread *self, struct port *port,
                         uint64_t body[8])
{
    size_t length = msg_length(arch_message_get(&self->arch, MSG_X_CONTROL));
    if (length > 0)
        arch_message_keep(body);
    call->self = self;
    call->port = port;
    call->in = body;
    call->out = arch_cpu_self()->msg_buffers;
    call->in_shape = KCALL_SHAPE(length, 0);
    call->out_size = 0;
    call->special = 0;
    call->made = NULL;
}

/* The answer is in the registers when the thread goes on. */
[[gnu::always_inline]] static inline struct thread *answer(struct kcall *call, kern_return_t kr,
                                                           size_t size, unsigned rights)
{
    struct thread *self = call->self; /* no register keeps it across the call, memory does */
    arch_message_answer(&self->arch, kr, MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, size, rights),
                        call->out);
    return self;
}

/* The answer is an error, or does not fit the registers, or the call has to be done again. NULL: kern_msg() goes on. */
[[gnu::noinline]] static struct thread *end_otherwise(struct kcall *call, kern_return_t kr)
{
    static const uint64_t empty[8];
    struct thread *self = call->self;
    struct arch_thread *t = &self->arch;
    if (call->restart) {       /* kern_msg() does it once more, and repeats the trap if need be */
        if (self->page.object) /* it asks for that again */
            paged_forget(self);
        arch_message_load(call->in_size > 0 ? call->in : empty);
        return NULL;
    }
    self->progress = 0; /* the object may have gone between two pieces */
    if (kr != KERN_SUCCESS)
        return answer(call, kr, 0, 0);
    /* Names make the answer longer. */
    if (call->out_rights == 0 ? call->out_size <= MSG_REGISTER_BYTES : msg_name_rights(self, call))
        return answer(call, kr, call->out_size, call->out_rights);
    kr = msg_conclude_kernel_fast(self, arch_message_get(t, MSG_X_CONTROL), call, kr);
    if (likely(kr == KERN_SUCCESS))
        return NULL;
    /* An error, and no message. */
    arch_message_set(t, MSG_X_DEST, (uint64_t) - (int64_t)kr);
    arch_message_set(t, MSG_X_ID, 0);
    arch_message_set(t, MSG_X_CONTROL, 0);
    arch_message_set(t, MSG_X_LOCAL, 0);
    arch_message_set(t, MSG_X_RECEIVE, 0);
    arch_message_set(t, MSG_X_DEADLINE, 0);
    return self;
}

[[gnu::always_inline]] static inline struct thread *end(struct kcall *call, kern_return_t kr)
{
    if (unlikely(kr != KERN_SUCCESS || call->special))
        return end_otherwise(call, kr);
    return answer(call, kr, call->out_size, 0);
}

/* The port is type-stable: the entry is looked at again under its lock (N3). */
[[gnu::noinline]] static void *hold(struct ipc_entry *entry, uint32_t bits, struct port *port,
                                    enum kobject kind)
{
    void *object = NULL;
    spin_lock(&port->lock);
    if (relaxed_load(entry->bits) == bits && port->state == PORT_ALIVE)
        object = kobj_acquire_locked(port, kind);
    spin_unlock(&port->lock);
    return object;
}

[[gnu::noinline]] static struct thread *call_held(struct ipc_entry *entry, struct thread *self,
                                                  uint32_t bits, struct port *port,
                                                  enum kobject kind)
{
    static const uint64_t empty[8];
    uint64_t body[8];
    struct kcall call;
    begin(&call, self, port, body);
    void *object = hold(entry, bits, port, kind);
    if (unlikely(!object)) {
        arch_message_load(call.in_size > 0 ? call.in : empty);
        return NULL;
    }
    kern_return_t kr = kcall_execute(&call, kind, object, message_id(self));
    kobj_release(kind, object);
    return end(&call, kr);
}

/* A pager's object, for faults wait for what is asked of it; a share in an interrupt line, for a device waits; another task and its threads, for
 * processes are made and ended so. */
static inline bool is_held(unsigned kind)
{
    return kind == KOBJECT_MEMORY_OBJECT || kind == KOBJECT_INTERRUPT || kind == KOBJECT_TASK ||
           kind == KOBJECT_THREAD;
}

[[gnu::noinline]] static struct thread *call_object(struct ipc_entry *entry, struct thread *self,
                                                    uint32_t bits)
{
    struct port *port = entry_peek_port(entry);
    unsigned kind = KOBJECT_NONE;
    uint64_t body[8];
    struct kcall call;
    void *object = object_that_stays(self, entry, bits, port, &kind);
    if (unlikely(!object))
        return is_held(kind) ? call_held(entry, self, bits, port, (enum kobject)kind) : NULL;
    begin(&call, self, port, body);
    return end(&call, kcall_execute(&call, kind, object, message_id(self)));
}

/* The arguments are where kern_msg_fast() has got them (fast_impl.h). */
struct thread *msg_call_kernel_fast(struct ipc_entry *entry, uint64_t id, uint64_t control,
                                    uint64_t bits, uint64_t receive, struct cpu *cpu,
                                    struct thread *self)
{
    (void)id, (void)control, (void)receive, (void)cpu;
    uint64_t object = atomic_load_explicit(&entry->object, memory_order_acquire);
    struct port *clock = host.port[KOBJECT_CLOCK];
    uint64_t body[8];
    struct kcall call;
    /* The clock's port never changes, and is asked often. */
    if (unlikely(object != (uintptr_t)&clock->ipc || relaxed_load(entry->bits) != bits))
        return call_object(entry, self, (uint32_t)bits);
    begin(&call, self, clock, body);
    return end(&call, clock_demux(&call, clock->object, message_id(self) - CLOCK_BASE));
}
