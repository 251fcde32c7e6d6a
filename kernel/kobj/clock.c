/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock and the time of day (interfaces/clock.defs, host_time.defs).
 */
#include "kobj_impl.h"
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/clock_kernel.h>
#include <wharf/if/host_time_kernel.h>

/* Time of day less clock, modulo 2^64; NOT_SET: nobody has said. */
#define NOT_SET UINT64_MAX
static _Atomic uint64_t wall_offset = NOT_SET;

kern_return_t kclock_now(struct kcall *call, struct host *target, uint64_t *nanoseconds)
{
    (void)call, (void)target;
    *nanoseconds = clock_now();
    return KERN_SUCCESS;
}

kern_return_t kclock_resolution(struct kcall *call, struct host *target, uint64_t *nanoseconds,
                                uint64_t *frequency)
{
    (void)call, (void)target;
    *frequency = arch_counter_frequency();
    *nanoseconds = (UINT64_C(1000000000) + *frequency - 1) / *frequency;
    return KERN_SUCCESS;
}

kern_return_t kclock_wall(struct kcall *call, struct host *target, uint64_t *nanoseconds)
{
    (void)call, (void)target;
    uint64_t offset = atomic_load_explicit(&wall_offset, memory_order_relaxed);
    if (offset == NOT_SET)
        return KERN_NOT_FOUND;
    *nanoseconds = clock_now() + offset;
    return KERN_SUCCESS;
}

kern_return_t kclock_create_timer(struct kcall *call, struct host *target, struct kright *timer)
{
    (void)target;
    return timer_create(call->self->task->ledger, timer);
}

kern_return_t khost_time_set(struct kcall *call, struct host *target, uint64_t nanoseconds)
{
    (void)call, (void)target;
    uint64_t offset = nanoseconds - clock_now();
    if (offset == NOT_SET)
        offset++; /* a nanosecond off, for once */
    atomic_store_explicit(&wall_offset, offset, memory_order_relaxed);
    return KERN_SUCCESS;
}
