/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the default pager asks (interfaces/swap.defs); what it means stands in kern/swap.h.
 */
#include "kobj_impl.h"
#include <kern/cpu.h>
#include <kern/string.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/swap_kernel.h>

_Static_assert(SWAP_AREA_COUNT == SWAP_AREAS_MAX && SWAP_LABEL_BYTES == SWAP_LABEL_MAX, "as there");

kern_return_t kswap_add_area(struct kcall *call, struct host *target, uint32_t count,
                             uint32_t priority, const uint8_t *label, uint32_t label_size,
                             uint32_t *first)
{
    (void)target;
    if (count == 0)
        return KERN_INVALID_ARGUMENT;
    uint64_t progress = kcall_progress(call, KCALL_TAG_SWAP_ADD);
    kern_return_t kr;
    do
        kr = swap_add_area(call->self->task, count, priority, label, label_size, &progress, first);
    while (kr == KERN_RETRY && !arch_irq_pending());
    return kcall_again(call, KCALL_TAG_SWAP_ADD, progress, kr);
}

kern_return_t kswap_area(struct kcall *call, struct host *target, uint32_t number,
                         struct swap_area *area)
{
    (void)call, (void)target;
    struct swap_area_facts facts;
    if (!swap_area_facts(number, &facts))
        return KERN_NOT_FOUND;
    *area = (struct swap_area){.first = facts.first,
                               .count = facts.count,
                               .used = facts.used,
                               .priority = facts.priority,
                               .state = facts.draining ? SWAP_AREA_STATE_DRAINING
                                                       : SWAP_AREA_STATE_IN_USE,
                               .label_size = facts.label_size};
    memcpy(area->label, facts.label, sizeof(area->label));
    return KERN_SUCCESS;
}

kern_return_t kswap_drain(struct kcall *call, struct host *target, uint32_t first)
{
    (void)call, (void)target;
    return swap_drain(first);
}

kern_return_t kswap_keep(struct kcall *call, struct host *target, uint32_t first)
{
    (void)call, (void)target;
    return swap_keep(first);
}

kern_return_t kswap_done(struct kcall *call, struct host *target, uint32_t request, bool ok)
{
    (void)call, (void)target;
    alloc_forbid(true); /* D9 */
    kern_return_t kr = swap_request_done(request, ok);
    alloc_forbid(false);
    return kr;
}

kern_return_t kswap_window(struct kcall *call, struct host *target, uint32_t pages,
                           uint64_t *address)
{
    (void)target;
    return swap_window_create(call->self->task, pages, address);
}

kern_return_t kswap_show(struct kcall *call, struct host *target, uint32_t request, uint32_t index,
                         uint32_t count, uint32_t page)
{
    (void)call, (void)target;
    alloc_forbid(true); /* D9 */
    kern_return_t kr = swap_window_show(request, index, count, page);
    alloc_forbid(false);
    return kr;
}
