/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the fast way share: names looked up without a lock, ports locked, headers written. They, and what they
 * call before the body is elsewhere, are compiled not to use its registers.
 */
#pragma once

#include "msg_impl.h"
#include "names.h"
#include <arch/message.h>
#include <kern/thread.h>

/* Lengths of whole words. By the mask up to 120 bytes are in registers; who calls us has seen to
 * MSG_REGISTER_BYTES. */
#define SHORT_LENGTHS (UINT64_C(0x78) << MSG_LENGTH_SHIFT)

/* Control words of the three shapes, without their length: a call, its answer, a message without one. */
#define CALL_CONTROL   MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 0, 0)
#define ANSWER_CONTROL MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0)
#define ONEWAY_CONTROL MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0)

/* port->head of a port that is alive and no kernel object's, without has_payload. */
#define PORT_HEAD      (IPC_PORT | PORT_ALIVE << 8 | KOBJECT_NONE << 16)
#define PORT_HEAD_MASK 0xffffffu
#define PAYLOAD_SHIFT  24 /* of has_payload in it */
static_assert(offsetof(struct port, ipc) == 0 && offsetof(struct port, state) == 1 &&
              offsetof(struct port, kobject) == 2 && offsetof(struct port, has_payload) == 3);

/* The entry of a name that is in use with this right, by its bits as they are read before the object; NULL: it is
 * not. */
static inline struct ipc_entry *peek(struct thread *self, mach_port_name_t name, unsigned right,
                                     uint32_t *bits)
{
    struct ipc_entry *entry = space_peek(self->space, name);
    if (unlikely(!entry))
        return NULL;
    *bits = atomic_load_explicit(&entry->bits, memory_order_acquire);
    return likely(*bits >> 16 == (name & 0xffff) && (*bits & right)) ? entry : NULL;
}

/* A live port that no kernel object stands behind, locked; NULL: it is not that, or somebody has the lock. If the
 * entry's bits are the same under the lock, so is its object (N3). */
static inline struct port *lock_port(struct ipc_entry *entry, uint32_t bits)
{
    struct port *port = port_of((struct ipc_object *)(uintptr_t)relaxed_load(entry->object));
    /* NULL: the name has just become another's, or nobody's. */
    if (unlikely(!port || !spin_trylock(&port->lock)))
        return NULL;
    if (likely(relaxed_load(entry->bits) == bits &&
               (relaxed_load(port->head) & PORT_HEAD_MASK) == PORT_HEAD))
        return port;
    spin_unlock(&port->lock);
    return NULL;
}

static inline void set_header(struct thread *next, uint64_t id, uint64_t control, uint64_t local,
                              uint64_t remote, uint32_t seqno)
{
    struct arch_thread *t = &next->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, (uint32_t)id);
    arch_message_set(t, MSG_X_CONTROL, control);
    arch_message_set(t, MSG_X_LOCAL, local);
    arch_message_set(t, MSG_X_RECEIVE, remote);
    arch_message_set(t, MSG_X_DEADLINE, seqno);
}
