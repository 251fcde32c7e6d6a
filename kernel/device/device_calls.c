/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about devices: interfaces/host_devices.defs, device_control.defs, device.defs, but for what concerns memory the device reads and
 * writes itself (dma_calls.c).
 */
#include <arch/mmu.h>
#include <kern/device.h>
#include <kern/kobj.h>
#include <kern/log.h>
#include <kern/memory_entry.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/device_control_kernel.h>
#include <wharf/if/device_kernel.h>
#include <wharf/if/host_devices_kernel.h>

static_assert(DEVICE_RANGES == HOST_DEVICES_RANGES_MAX && DEVICE_LINES == HOST_DEVICES_LINES_MAX &&
              DEVICE_WINDOWS == HOST_DEVICES_WINDOWS_MAX);

static const uint8_t type_of_access[] = {
    [HOST_DEVICES_ACCESS_REGISTERS] = MEM_DEVICE,
    [HOST_DEVICES_ACCESS_STRICT] = MEM_DEVICE_STRICT,
    [HOST_DEVICES_ACCESS_BUFFER] = MEM_UNCACHED,
};

static struct ledger *payer(const struct kcall *call)
{
    return call->self->task->ledger;
}

/* ---- host_devices ---- */

static kern_return_t describe_range(const struct host_devices_range *from, struct device_range *to)
{
    if (from->access >= array_count(type_of_access) || from->zero)
        return KERN_INVALID_VALUE;
    *to = (struct device_range){from->base, from->size, type_of_access[from->access]};
    return KERN_SUCCESS;
}

static kern_return_t describe(struct device_description *what,
                              const struct host_devices_range *ranges,
                              const struct host_devices_line *lines,
                              const struct host_devices_window *windows)
{
    kern_return_t kr = KERN_SUCCESS;
    for (uint32_t i = 0; i < what->ranges && kr == KERN_SUCCESS; i++)
        kr = describe_range(&ranges[i], &what->range[i]);
    for (uint32_t i = 0; i < what->lines && kr == KERN_SUCCESS; i++) {
        what->line[i].number = lines[i].number;
        what->line[i].edge = lines[i].edge;
        kr = lines[i].edge > 1 ? KERN_INVALID_VALUE : KERN_SUCCESS;
    }
    for (uint32_t i = 0; i < what->windows; i++)
        what->window[i] =
            (struct device_window){windows[i].memory, windows[i].bus, windows[i].size};
    return kr;
}

kern_return_t khost_devices_create(struct kcall *call, struct host *target, const char *name,
                                   bool dma, bool coherent, const struct host_devices_range *ranges,
                                   uint32_t ranges_count, const struct host_devices_line *lines,
                                   uint32_t lines_count, const struct host_devices_window *windows,
                                   uint32_t windows_count, struct kright *control)
{
    struct device_description what = {.name = name,
                                      .dma = dma,
                                      .coherent = coherent,
                                      .ranges = ranges_count,
                                      .lines = lines_count,
                                      .windows = windows_count};
    (void)target;
    kern_return_t kr = describe(&what, ranges, lines, windows);
    return kr == KERN_SUCCESS ? device_create(payer(call), &what, control) : kr;
}

kern_return_t khost_devices_tree(struct kcall *call, struct host *target, struct kright *tree,
                                 uint64_t *size)
{
    (void)target;
    return device_tree_share(payer(call), tree, size);
}

/* ---- device_control ---- */

kern_return_t kdevice_control_open(struct kcall *call, struct device *target, uint64_t pages,
                                   struct kright *device)
{
    return device_open(target, payer(call), pages, device);
}

kern_return_t kdevice_control_close(struct kcall *call, struct device *target)
{
    kern_return_t kr = device_close(target);
    call->restart = kr == KERN_RETRY;
    return kr;
}

/* The device's lock is held. */
static uint64_t count_interrupts(struct device *device)
{
    uint64_t count = device->interrupts;
    for (unsigned i = 0; device->session && i < DEVICE_LINES; i++)
        if (device->session->share[i])
            count += interrupt_fired(device->session->share[i]);
    return count;
}

kern_return_t kdevice_control_info(struct kcall *call, struct device *target,
                                   struct device_control_facts *facts)
{
    (void)call;
    spin_lock(&target->lock);
    *facts = (struct device_control_facts){
        .open = target->session && !target->session->ending,
        .ranges = target->ranges,
        .lines = target->lines,
        .quarantined = device_dma_quarantined(&target->dma),
        .pages = device_dma_pages(&target->dma),
        .interrupts = count_interrupts(target),
        .storms = atomic_load_explicit(&target->storms, memory_order_relaxed),
        .generation = target->generation,
    };
    spin_unlock(&target->lock);
    return KERN_SUCCESS;
}

kern_return_t kdevice_control_origin(struct kcall *call, struct device *target, char *name,
                                     char *bus)
{
    (void)call;
    (void)format_text(name, DEVICE_NAME, "%s", target->name);
    (void)format_text(bus, DEVICE_NAME, "%s", target->bus);
    return KERN_SUCCESS;
}

/* Who asked before is not told any more: its right goes with what the request carried. */
kern_return_t kdevice_control_notify_closed(struct kcall *call, struct device *target, uint32_t id,
                                            struct kright *notify)
{
    (void)call;
    spin_lock(&target->lock);
    struct kright before = target->closed;
    target->closed = *notify;
    target->closed_id = id;
    spin_unlock(&target->lock);
    *notify = before;
    return KERN_SUCCESS;
}

/* ---- device ---- */

static bool lowest(const struct device_window *window, uint64_t *first, uint64_t *last)
{
    uint64_t end = window->bus + (window->size - 1);
    *first = window->bus < *first ? window->bus : *first;
    *last = end > *last ? end : *last;
    return true;
}

kern_return_t kdevice_info(struct kcall *call, struct device_session *target,
                           struct device_facts *facts)
{
    struct device *device = target->device;
    uint64_t first = UINT64_MAX, last = 0;
    (void)call;
    for (uint32_t i = 0; i < device->dma.windows; i++)
        (void)lowest(&device->dma.window[i], &first, &last);
    spin_lock(&device->lock);
    *facts = (struct device_facts){
        .ranges = device->ranges,
        .lines = device->lines,
        .dma = device->moves_data,
        .coherent = device->dma.coherent,
        .reach_first = device->dma.windows ? first : 0,
        .reach_last = last,
        .generation = device->generation,
    };
    spin_unlock(&device->lock);
    return KERN_SUCCESS;
}

/* Whole pages around the range. The device's lock is held. */
static kern_return_t make_memory(struct device_session *session, unsigned index)
{
    const struct device_range *range = &session->device->range[index];
    paddr_t base = round_down(range->base, PAGE_SIZE);
    uint64_t pages = (round_up(range->base + range->size, PAGE_SIZE) - base) >> PAGE_SHIFT;
    if (session->memory[index])
        return KERN_SUCCESS;
    return memory_object_create_device(session->ledger, base, pages, range->type,
                                       &session->memory[index]);
}

kern_return_t kdevice_memory(struct kcall *call, struct device_session *target, uint32_t index,
                             struct kright *memory, uint32_t *offset, uint64_t *size)
{
    struct map_request request = {0};
    if (index >= target->device->ranges)
        return KERN_INVALID_ARGUMENT;
    if (!device_session_enter(target))
        return KERN_TERMINATED;
    kern_return_t kr = make_memory(target, index);
    if (kr == KERN_SUCCESS)
        memory_object_ref(request.object = target->memory[index]);
    spin_unlock(&target->device->lock);
    if (kr != KERN_SUCCESS)
        return kr;
    request.pages = request.object->pages;
    kr = memory_entry_create(payer(call), &request, PROT_READ | PROT_WRITE, memory);
    memory_object_unref(request.object);
    *offset = target->device->range[index].base & PAGE_MASK;
    *size = target->device->range[index].size;
    return kr;
}

kern_return_t kdevice_interrupt(struct kcall *call, struct device_session *target, uint32_t index,
                                struct kright *interrupt)
{
    if (index >= target->device->lines)
        return KERN_INVALID_ARGUMENT;
    if (!device_session_enter(target))
        return KERN_TERMINATED;
    kern_return_t kr =
        target->share[index] ? KERN_BUSY : interrupt_create(payer(call), target, index, interrupt);
    spin_unlock(&target->device->lock);
    return kr;
}

static kern_return_t derive_range(const struct device *from, const struct device_part *part,
                                  struct device_range *out)
{
    if (part->access >= array_count(type_of_access))
        return KERN_INVALID_VALUE;
    if (part->index >= from->ranges)
        return KERN_INVALID_ARGUMENT;
    const struct device_range *whole = &from->range[part->index];
    if (part->size == 0 || part->size > whole->size || part->offset > whole->size - part->size)
        return KERN_INVALID_ARGUMENT;
    *out =
        (struct device_range){whole->base + part->offset, part->size, type_of_access[part->access]};
    return KERN_SUCCESS;
}

static kern_return_t derive(const struct device *from, struct device_description *what,
                            const struct device_part *parts, const uint32_t *lines)
{
    kern_return_t kr = what->dma && !from->moves_data ? KERN_INVALID_ARGUMENT : KERN_SUCCESS;
    for (uint32_t i = 0; i < what->ranges && kr == KERN_SUCCESS; i++)
        kr = derive_range(from, &parts[i], &what->range[i]);
    for (uint32_t i = 0; i < what->lines && kr == KERN_SUCCESS; i++) {
        if (lines[i] >= from->lines)
            return KERN_INVALID_ARGUMENT;
        what->line[i].number = irq_line_number(from->line[lines[i]]);
        what->line[i].edge = irq_line_is_edge(from->line[lines[i]]);
    }
    for (uint32_t i = 0; i < what->windows && kr == KERN_SUCCESS; i++)
        what->window[i] = from->dma.window[i];
    return kr;
}

/* What it is made of is constant; only that the session has not ended has to be seen with the lock. */
kern_return_t kdevice_derive(struct kcall *call, struct device_session *target, const char *name,
                             bool dma, const struct device_part *parts, uint32_t parts_count,
                             const uint32_t *lines, uint32_t lines_count, struct kright *control)
{
    const struct device *from = target->device;
    struct device_description what = {.name = name,
                                      .bus = from->name,
                                      .dma = dma,
                                      .coherent = from->dma.coherent,
                                      .ranges = parts_count,
                                      .lines = lines_count,
                                      .windows = dma ? from->dma.windows : 0};
    kern_return_t kr = derive(from, &what, parts, lines);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!device_session_enter(target))
        return KERN_TERMINATED;
    kr = device_create(payer(call), &what, control);
    spin_unlock(&target->device->lock);
    return kr;
}
