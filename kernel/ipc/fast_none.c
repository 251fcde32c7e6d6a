/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No fast way: built instead of fast.c, fast_oneway.c, fast_queue.c and fast_receive.c (-DWHARF_FAST_PATH=OFF), to show that it decides nothing but
 * speed.
 */
#include "msg_impl.h"
#include <arch/upcalls.h>
#include <kern/device.h>
#include <kern/types.h>

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                             uint64_t receive, struct cpu *cpu, struct thread *self)
{
    (void)dest, (void)id, (void)control, (void)nothing, (void)receive, (void)cpu, (void)self;
    return NULL;
}

struct thread *kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                                  uint64_t receive, struct cpu *cpu, struct thread *self)
{
    (void)dest, (void)id, (void)control, (void)nothing, (void)receive, (void)cpu, (void)self;
    return NULL;
}

void kern_interrupt_fast(unsigned number)
{
    kern_interrupt_slow(number);
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
