/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked about everybody's memory: limits, wiring and page-out, which take the host's memory port (interfaces/host_memory.defs),
 * and how much there is of what (interfaces/host.defs).
 */
#include "kobj_impl.h"
#include <kern/boot.h>
#include <kern/commitment.h>
#include <kern/frame.h>
#include <kern/pageout.h>
#include <kern/pressure.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/vm_count.h>
#include <wharf/if/host_kernel.h>
#include <wharf/if/host_memory_kernel.h>

kern_return_t khost_memory_set_limit(struct kcall *call, struct host *target, struct kright *right,
                                     uint32_t kind, uint64_t limit)
{
    (void)call, (void)target;
    if (kind >= LEDGER_KIND_COUNT)
        return KERN_INVALID_VALUE;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    bool none = limit > (uint64_t)LEDGER_NO_LIMIT;
    ledger_set_limit(task->ledger, kind, none ? LEDGER_NO_LIMIT : (int64_t)limit);
    task_unref(task);
    return KERN_SUCCESS;
}

/* ---- wiring ---- */

/* Half done it would be of no use to anybody: it is not aborted. */
static kern_return_t wire(struct kcall *call, struct kright *right, uint64_t address, uint64_t size,
                          bool wires)
{
    enum kcall_tag tag = wires ? KCALL_TAG_MEMORY_WIRE : KCALL_TAG_MEMORY_UNWIRE;
    kern_return_t kr = vm_check_range(address, &size);
    if (kr != KERN_SUCCESS)
        return kr;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    uint64_t progress = kcall_progress(call, tag);
    kr = wires ? map_wire(call->self, task, address, size, &progress)
               : map_unwire(task, address, size, &progress);
    task_unref(task);
    call->self->building = kr == KERN_RETRY;
    return kcall_again(call, tag, progress, kr);
}

kern_return_t khost_memory_wire(struct kcall *call, struct host *target, struct kright *task,
                                uint64_t address, uint64_t size)
{
    (void)target;
    return wire(call, task, address, size, true);
}

kern_return_t khost_memory_unwire(struct kcall *call, struct host *target, struct kright *task,
                                  uint64_t address, uint64_t size)
{
    (void)target;
    return wire(call, task, address, size, false);
}

kern_return_t khost_memory_wire_all(struct kcall *call, struct host *target, struct kright *right,
                                    uint32_t flags)
{
    (void)target;
    if (flags & ~(HOST_MEMORY_WIRE_CURRENT | HOST_MEMORY_WIRE_FUTURE))
        return KERN_INVALID_VALUE;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    uint64_t progress = kcall_progress(call, KCALL_TAG_MEMORY_WIRE_ALL);
    kern_return_t kr = KERN_SUCCESS;
    if (progress == 0) /* first, so that nothing is in between */
        map_wire_new(task, flags & HOST_MEMORY_WIRE_FUTURE);
    if (flags & HOST_MEMORY_WIRE_CURRENT)
        kr = map_wire_all(call->self, task, &progress);
    if (kr != KERN_SUCCESS && kr != KERN_RETRY)
        map_wire_new(task, false);
    task_unref(task);
    call->self->building = kr == KERN_RETRY;
    return kcall_again(call, KCALL_TAG_MEMORY_WIRE_ALL, progress, kr);
}

/* ---- page-out ---- */

kern_return_t khost_memory_set_default_pager(struct kcall *call, struct host *target,
                                             struct kright *pager, struct kright *control)
{
    (void)target;
    return swap_set_pager(call->self->task, pager, control);
}

kern_return_t khost_memory_set_reclaim(struct kcall *call, struct host *target,
                                       struct kright *right, bool reclaim)
{
    (void)call, (void)target;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    ledger_set_resident(task->ledger, LEDGER_RESIDENT_RECLAIM, reclaim);
    task_unref(task);
    return KERN_SUCCESS;
}

kern_return_t khost_memory_set_reserve(struct kcall *call, struct host *target, uint64_t pages)
{
    (void)call, (void)target;
    return pageout_set_reserve(pages) ? KERN_SUCCESS : KERN_INVALID_VALUE;
}

kern_return_t khost_memory_watch_pressure(struct kcall *call, struct host *target,
                                          struct kright *port)
{
    (void)call, (void)target;
    return pressure_watch(port);
}

kern_return_t khost_memory_set_overcommit(struct kcall *call, struct host *target, uint64_t pages)
{
    (void)call, (void)target;
    commitment_set_excess(pages);
    return KERN_SUCCESS;
}

kern_return_t khost_memory_keep_commitment(struct kcall *call, struct host *target,
                                           struct kright *right, uint64_t pages)
{
    (void)call, (void)target;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    commitment_keep_from(task->ledger, pages);
    task_unref(task);
    return KERN_SUCCESS;
}

kern_return_t khost_memory_page_out(struct kcall *call, struct host *target, uint64_t pages)
{
    struct frame_statistics frames;
    (void)call, (void)target;
    frame_statistics(&frames);
    pageout_demand(pages < frames.managed ? pages : frames.managed);
    return KERN_SUCCESS;
}

kern_return_t khost_memory_add_entropy(struct kcall *call, struct host *target,
                                       const uint8_t *bytes, uint32_t bytes_size)
{
    (void)call, (void)target;
    boot_add_entropy(bytes, bytes_size);
    return KERN_SUCCESS;
}

kern_return_t khost_memory_get_swap(struct kcall *call, struct host *target,
                                    struct host_memory_swap *facts)
{
    struct swap_facts swap;
    struct pageout_facts pageout;
    (void)call, (void)target;
    swap_facts(&swap);
    pageout_facts(&pageout);
    *facts = (struct host_memory_swap){
        .pagers = swap.pagers,
        .slots = swap.slots,
        .used = swap.used,
        .kept = swap.kept,
        .stores = swap.stores,
        .loads = swap.loads,
        .rescues = swap.rescues,
        .lost = swap.lost,
        .unchanged = swap.unchanged,
        .ahead = swap.ahead,
        .in_flight = swap.in_flight,
        .demanded = pageout.demanded,
        .scanned = pageout.scanned,
        .activated = pageout.activated,
        .low = pageout.marks.low,
        .high = pageout.marks.high,
    };
    return KERN_SUCCESS;
}

/* ---- statistics ---- */

static uint64_t limit_of(enum ledger_kind kind)
{
    int64_t limit = relaxed_load(kernel_ledger.account[kind].limit);
    return limit == LEDGER_NO_LIMIT ? UINT64_MAX : (uint64_t)limit;
}

kern_return_t khost_memory_statistics(struct kcall *call, struct host *target,
                                      struct host_memory_statistics *statistics)
{
    struct frame_statistics frames;
    struct swap_facts swap;
    (void)call, (void)target;
    frame_statistics(&frames);
    swap_facts(&swap);
    *statistics = (struct host_memory_statistics){
        .managed = frames.managed,
        .free = frames.free,
        .cached = vm_count_present(VM_COUNT_CACHED),
        .written = vm_count_present(VM_COUNT_WRITTEN),
        .wired = (uint64_t)ledger_used(&kernel_ledger, LEDGER_WIRED),
        .wired_limit = limit_of(LEDGER_WIRED),
        .committed = (uint64_t)ledger_used(&kernel_ledger, LEDGER_COMMITMENT),
        .commitment_limit = limit_of(LEDGER_COMMITMENT),
        .faults = vm_counted(VM_COUNT_FAULTS),
        .zero_fills = vm_counted(VM_COUNT_ZERO_FILLS),
        .copies = vm_counted(VM_COUNT_COPIES),
        .page_ins = vm_counted(VM_COUNT_PAGE_INS),
        .page_outs = vm_counted(VM_COUNT_PAGE_OUTS),
        .swap_ins = vm_counted(VM_COUNT_SWAP_INS),
        .swap_outs = vm_counted(VM_COUNT_SWAP_OUTS),
        .reactivations = vm_counted(VM_COUNT_REACTIVATIONS),
        .swap_slots = swap.slots,
        .swap_used = swap.used,
        .swap_kept = swap.kept,
    };
    return KERN_SUCCESS;
}
