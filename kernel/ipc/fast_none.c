/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No fast way: built instead of fast.c, fast_oneway.c and fast_queue.c (-DWHARF_FAST_PATH=OFF), to show that it decides nothing but
 * speed.
 */
#include "msg_impl.h"
#include <arch/upcalls.h>
#include <kern/types.h>

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, struct thread *self,
                             uint64_t receive)
{
    (void)dest, (void)id, (void)control, (void)self, (void)receive;
    return NULL;
}

struct thread *kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control, struct thread *self,
                                  uint64_t receive)
{
    return kern_msg_fast(dest, id, control, self, receive);
}

bool msg_send_queued(struct thread *self, enum stage *stage, kern_return_t *kr)
{
    (void)self, (void)stage, (void)kr;
    return false;
}

bool msg_receive_queued(struct thread *self)
{
    (void)self;
    return false;
}
