/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport of virtio, legacy (version 1) and modern (version 2). Source: VIRTIO 1.2, 4.2.2 and 4.2.4; 3.1 for the order.
 *
 *      probe -> reset -> negotiate -> queue ... -> go;   on trouble: reset again
 *
 * T1 After virtio_mmio_reset() has returned KERN_SUCCESS the device touches no memory: then, and not before, memory that it was
 *    told about by this driver or the one before may be used for other things.
 * T2 Each function ends within a deadline, whatever the device reads as; a device that is not there any more reads as all ones.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

#include "virtqueue.h"

enum virtio_device_id { VIRTIO_NONE = 0, VIRTIO_BLOCK = 2, VIRTIO_ENTROPY = 4 };

/** Features of every device, by bit. */
enum {
    VIRTIO_VERSION_1 = 32,
    VIRTIO_ACCESS_PLATFORM = 33, /* addresses are the platform's: what struct dma_memory says */
    VIRTIO_ORDER_PLATFORM = 36, /* barriers are the platform's: what register_publish_memory() is */
};
#define VIRTIO_FEATURE(bit) (UINT64_C(1) << (bit))

enum virtio_interrupt {
    VIRTIO_USED = 1,    /* look at the queues */
    VIRTIO_CONFIG = 2,  /* the configuration changed, or the device wants to be reset */
    VIRTIO_ABSENT = 128 /* it answers with what no device answers with */
};

struct virtio_mmio {
    const struct device_environment *environment;
    struct registers registers;
    uint32_t version; /* 1 or 2 */
    uint64_t features;
};

/** Look who is there. KERN_NOT_FOUND: nobody; KERN_INVALID_VALUE: a device of another kind than `wanted`; KERN_NOT_SUPPORTED: not
 *  virtio-mmio, or a version nobody knows. */
kern_return_t virtio_mmio_probe(struct virtio_mmio *mmio,
                                const struct device_environment *environment,
                                const struct registers *registers, uint32_t wanted);

/** KERN_OPERATION_TIMED_OUT: it does not come to rest; its memory stays the device's. */
kern_return_t virtio_mmio_reset(struct virtio_mmio *mmio);

/** After a reset: agree on those of `wanted` that it offers. KERN_NOT_SUPPORTED: it refuses. */
kern_return_t virtio_mmio_negotiate(struct virtio_mmio *mmio, uint64_t wanted);

static inline bool virtio_mmio_has(const struct virtio_mmio *mmio, unsigned feature)
{
    return (mmio->features & VIRTIO_FEATURE(feature)) != 0;
}

/** Make queue `index` in `memory`, which begins at a page. KERN_NOT_FOUND: it has no such queue; KERN_RESOURCE_SHORTAGE: the
 *  memory is too small, or out of its reach; KERN_BUSY: the queue is in use although the device was reset. */
kern_return_t virtio_mmio_queue(struct virtio_mmio *mmio, unsigned index,
                                const struct dma_memory *memory, struct virtqueue *queue);

/** All is set up. */
void virtio_mmio_go(struct virtio_mmio *mmio);

/** There is something on a queue for it. */
void virtio_mmio_notify(struct virtio_mmio *mmio, unsigned index);

/** What the device interrupts for (enum virtio_interrupt), acknowledged. Queues are looked at after this, so that what comes
 *  later interrupts again, be the line level or edge. 0: it was not this device. */
unsigned virtio_mmio_interrupt(struct virtio_mmio *mmio);

/** It says that it cannot go on without a reset, or is not there. */
bool virtio_mmio_needs_reset(struct virtio_mmio *mmio);

/** Copy `size` bytes of its configuration, all of one moment. offset, size: multiples of 4. KERN_RETRY: it never stands still. */
kern_return_t virtio_mmio_config(struct virtio_mmio *mmio, unsigned offset, uint32_t *to,
                                 size_t size);

/** One byte of it. */
uint8_t virtio_mmio_config_byte(struct virtio_mmio *mmio, unsigned offset);
