/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications: messages of the kernel to send-once rights. Each uses the message that lies in the
 * right itself, so that none can fail for want of memory (D3).
 *
 * They are prepared while locks are held, put on a list of the CPU that works, and delivered when
 * no lock is held: delivery takes the lock of another port.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/kmsg.h>
#include <kern/list.h>

/** Put a notification with up to 8 bytes of plain body on `later`. Takes the send-once right, which
 *  is null afterwards; a null or dead right is skipped. `size`: 0, 4 or 8. */
void notify_prepare(struct list *later, struct kright *to, uint32_t id, uint64_t body,
                    unsigned size);
/** The same with a right as its one descriptor; takes the right. False: `to` was null or dead, and
 *  nothing was taken. */
bool notify_prepare_right(struct list *later, struct kright *to, uint32_t id,
                          struct kright *carried, uint64_t body);
/** Deliver what has been prepared; there is something. No lock held. */
void notify_deliver_all(struct list *later);
/** Deliver what has been prepared, most often nothing. No lock held. */
static inline void notify_deliver(struct list *later)
{
    if (unlikely(!list_is_empty(later)))
        notify_deliver_all(later);
}
