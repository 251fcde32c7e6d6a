/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver asks about memory that its device reads and writes by itself: not there yet.
 */
#include <kern/device.h>
#include <kern/kobj.h>
#include <wharf/if/device_kernel.h>

kern_return_t kdevice_dma_allocate(struct kcall *call, struct device_session *target, uint64_t size,
                                   struct kright *memory, uint64_t *bus)
{
    (void)call, (void)target, (void)size, (void)memory, (void)bus;
    return KERN_NOT_SUPPORTED;
}

kern_return_t kdevice_dma_pin(struct kcall *call, struct device_session *target,
                              struct kright *memory, uint64_t offset, uint64_t size, uint32_t *pin)
{
    (void)call, (void)target, (void)memory, (void)offset, (void)size, (void)pin;
    return KERN_NOT_SUPPORTED;
}

kern_return_t kdevice_dma_runs(struct kcall *call, struct device_session *target, uint32_t pin,
                               uint64_t offset, uint64_t *next, struct device_run *runs,
                               uint32_t *runs_count)
{
    (void)call, (void)target, (void)pin, (void)offset, (void)next, (void)runs, (void)runs_count;
    return KERN_NOT_SUPPORTED;
}

kern_return_t kdevice_dma_unpin(struct kcall *call, struct device_session *target, uint32_t pin)
{
    (void)call, (void)target, (void)pin;
    return KERN_NOT_SUPPORTED;
}

kern_return_t kdevice_dma_sync(struct kcall *call, struct device_session *target, uint32_t pin,
                               uint64_t offset, uint64_t size, uint32_t direction)
{
    (void)call, (void)target, (void)pin, (void)offset, (void)size, (void)direction;
    return KERN_NOT_SUPPORTED;
}

kern_return_t kdevice_quiesced(struct kcall *call, struct device_session *target)
{
    (void)call, (void)target;
    return KERN_NOT_SUPPORTED;
}
