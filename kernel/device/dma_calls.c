/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver asks about memory that its device reads and writes by itself (interfaces/device.defs, kern/device_dma.h).
 */
#include <kern/device.h>
#include <kern/kobj.h>
#include <wharf/if/device_kernel.h>

/* The number of the session, 0: it has ended. */
static uint32_t number_of(struct device_session *session)
{
    if (!device_session_enter(session))
        return 0;
    uint32_t number = session->device->dma.session;
    spin_unlock(&session->device->lock);
    device_dma_go_on(&session->device->dma, number);
    return number;
}

kern_return_t kdevice_dma_allocate(struct kcall *call, struct device_session *target, uint64_t size,
                                   struct kright *memory, uint64_t *bus)
{
    if (!target->device->moves_data)
        return KERN_NOT_SUPPORTED;
    return dma_memory_allocate(call, &target->device->dma, number_of(target), size, memory, bus);
}

kern_return_t kdevice_dma_pin(struct kcall *call, struct device_session *target,
                              struct kright *memory, uint64_t offset, uint64_t size, uint32_t *pin)
{
    return dma_pin_pages(call, &target->device->dma, number_of(target), memory, offset, size, pin);
}

kern_return_t kdevice_dma_runs(struct kcall *call, struct device_session *target, uint32_t pin,
                               uint64_t offset, uint64_t *next, struct device_run *runs,
                               uint32_t *runs_count)
{
    (void)call;
    return dma_pin_runs(&target->device->dma, number_of(target), pin, offset, next, runs,
                        runs_count);
}

kern_return_t kdevice_dma_unpin(struct kcall *call, struct device_session *target, uint32_t pin)
{
    (void)call;
    return dma_unpin_pages(&target->device->dma, number_of(target), pin);
}

kern_return_t kdevice_dma_sync(struct kcall *call, struct device_session *target, uint32_t pin,
                               uint64_t offset, uint64_t size, uint32_t direction)
{
    return dma_pin_sync(call, &target->device->dma, number_of(target), pin, offset, size,
                        direction);
}

kern_return_t kdevice_quiesced(struct kcall *call, struct device_session *target)
{
    return dma_quiesced(call, &target->device->dma, number_of(target));
}
