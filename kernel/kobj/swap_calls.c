/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the default pager asks (interfaces/swap.defs); what it means stands in kern/swap.h.
 */
#include "kobj_impl.h"
#include <arch/cpu.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/swap_kernel.h>

kern_return_t kswap_add_slots(struct kcall *call, struct host *target, uint32_t count)
{
    (void)target;
    if (count == 0)
        return KERN_INVALID_ARGUMENT;
    uint32_t done = (uint32_t)kcall_progress(call, KCALL_TAG_SWAP_ADD);
    kern_return_t kr = done < count ? KERN_RETRY : KERN_SUCCESS;
    do
        kr = swap_add_slots(count, &done);
    while (kr == KERN_RETRY && !arch_irq_pending());
    return kcall_again(call, KCALL_TAG_SWAP_ADD, done, kr);
}

kern_return_t kswap_done(struct kcall *call, struct host *target, uint32_t request, bool ok)
{
    (void)call, (void)target;
    return swap_request_done(request, ok);
}

kern_return_t kswap_window(struct kcall *call, struct host *target, uint32_t pages,
                           uint64_t *address)
{
    (void)target;
    return swap_window_create(call->self->task, pages, address);
}

kern_return_t kswap_show(struct kcall *call, struct host *target, uint32_t request, uint32_t index,
                         uint32_t page)
{
    (void)call, (void)target;
    return swap_window_show(request, index, page);
}
