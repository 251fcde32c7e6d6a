/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock and the time of day (interfaces/clock.defs, host_time.defs).
 */
#include "kobj_impl.h"
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/frame.h>
#include <kern/memory_object.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/clock_kernel.h>
#include <wharf/if/host_time_kernel.h>
#include <wharf/time_page.h>

/* The time of day, in a page that programs read. Both constant after kclock_init(). */
static struct time_page *wall;
static struct memory_object *page;

kern_return_t kclock_init(void)
{
    struct frame *frame;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    wall = frame_memory(frame);
    atomic_init(&wall->wall_offset, TIME_PAGE_NOT_SET);
    return memory_object_create_physical(&kernel_ledger, frame_address(frame), 1, &page);
}

kern_return_t kclock_page(struct kcall *call, struct host *target, struct kright *out)
{
    (void)target;
    struct map_request memory = {.object = page, .pages = 1};
    return memory_entry_create(call->self->task->ledger, &memory, PROT_READ, out);
}

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
    uint64_t offset = atomic_load_explicit(&wall->wall_offset, memory_order_relaxed);
    if (offset == TIME_PAGE_NOT_SET)
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
    if (offset == TIME_PAGE_NOT_SET)
        offset++; /* a nanosecond off, for once */
    atomic_store_explicit(&wall->wall_offset, offset, memory_order_relaxed);
    return KERN_SUCCESS;
}
