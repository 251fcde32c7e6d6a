/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of a message in registers to a kernel object: the caller's own task and threads, the host and the
 * clock. They stay for as long as the caller runs, so that the port need not be locked and nothing be counted; it is
 * enough that entry and port are unchanged when the object has been read. Others take the long way.
 *
 * Like fast.c this is compiled not to use the body's registers: they are kept first of all.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/cpu.h>
#include <kern/kcall.h>
#include <kern/kobj.h>
#include <kern/task.h>
#include <kern/thread.h>

/* The object behind the port of an entry; NULL: none that stays. */
static inline void *object_that_stays(struct thread *self, struct ipc_entry *entry, uint32_t bits,
                                      unsigned *kind, struct port **out)
{
    struct port *port = port_of((struct ipc_object *)(uintptr_t)relaxed_load(entry->object));
    if (unlikely(!port)) /* the name has just become another's, or nobody's */
        return NULL;
    *out = port;
    /* In this order: whose object it is, what kind it has, whether the name still is the port's. */
    void *object = __atomic_load_n(&port->object, __ATOMIC_ACQUIRE);
    uint32_t head = __atomic_load_n(&port->head, __ATOMIC_ACQUIRE);
    *kind = head >> 16 & 0xff;
    bool stays = object == self || object == self->task || object == &host;
    if (unlikely(relaxed_load(entry->bits) != bits ||
                 (head & 0xffff) != (IPC_PORT | PORT_ALIVE << 8) || !stays))
        return NULL;
    return object;
}

/* The answer into the registers. What is in them behind its end is cleared by who returns to the caller. */
static inline void answer_in_registers(struct thread *self, struct kcall *call, kern_return_t kr)
{
    uint32_t size = kr == KERN_SUCCESS ? call->out_size : 0;
    struct arch_thread *t = &self->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, kr);
    arch_message_set(t, MSG_X_CONTROL, MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, size, 0));
    arch_message_set(t, MSG_X_LOCAL, 0);
    arch_message_set(t, MSG_X_RECEIVE, 0);
    arch_message_set(t, MSG_X_DEADLINE, 0);
    if (size > 0)
        arch_message_load(call->out);
}

/* An error, and no message. */
static inline void fail_in_registers(struct thread *self, kern_return_t kr)
{
    struct arch_thread *t = &self->arch;
    arch_message_set(t, MSG_X_DEST, (uint64_t) - (int64_t)kr);
    arch_message_set(t, MSG_X_ID, 0);
    arch_message_set(t, MSG_X_CONTROL, 0);
    arch_message_set(t, MSG_X_LOCAL, 0);
    arch_message_set(t, MSG_X_RECEIVE, 0);
    arch_message_set(t, MSG_X_DEADLINE, 0);
}

struct thread *msg_call_kernel_fast(struct thread *self, struct ipc_entry *entry, uint32_t bits,
                                    uint64_t id, uint64_t control)
{
    uint64_t body[8];
    unsigned kind;
    struct kcall call;
    arch_message_keep(body);
    void *object = object_that_stays(self, entry, bits, &kind, &call.port);
    if (unlikely(!object || relaxed_load(arch_cpu_self()->reschedule)))
        return NULL;
    call.self = self;
    call.in = body;
    call.in_size = msg_length(control);
    call.out = arch_cpu_self()->msg_buffers;
    call.out_size = 0;
    call.rights = call.out_rights = 0;
    call.made = NULL;
    call.run = call.restart = false;
    kern_return_t kr = kcall_execute(&call, kind, object, (uint32_t)id);
    self = call.self; /* no register keeps it across the call, memory does */
    if (unlikely(
            call.restart)) { /* kern_msg() does it once more, and repeats the trap if need be */
        arch_message_load(body);
        return NULL;
    }
    if (likely(call.out_rights == 0 && call.out_size <= MSG_REGISTER_BYTES)) {
        answer_in_registers(self, &call, kr);
        return self;
    }
    kr = msg_conclude_kernel_fast(self, arch_message_get(&self->arch, MSG_X_CONTROL), &call, kr);
    if (likely(kr == KERN_SUCCESS))
        return NULL;
    fail_in_registers(self, kr);
    return self;
}
