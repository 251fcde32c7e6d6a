/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio source of random numbers. Source: VIRTIO 1.2, 5.4. Blocking, with deadlines.
 *
 * G1 What is handed out was written by the device for this call: the buffer is zeroed before and after.
 * G2 A device that gives zeros only, or what it gave before, is not random: KERN_MEMORY_FAILURE, for 16 bytes or more. (Of 2^64
 *    such answers of a good one, one is taken for bad.) That is all that can be said of numbers by looking at them.
 */
#pragma once

#include <libsys/device_logic.h>

#include "virtio_mmio.h"

enum {
    VIRTIO_RNG_BYTES = 256, /* most at once */
    VIRTIO_RNG_MEMORY =
        10 * 4096, /* what to allocate for it: the queue, and a page for the bytes */
    VIRTIO_RNG_TRIES = 3,
};

struct virtio_rng {
    struct virtio_mmio mmio;
    struct virtqueue queue;
    struct dma_memory memory;
    bool dead; /* could not be reset: the memory is the device's */
    uint64_t
        last; /* a sum over what it gave before, for G2; not the bytes, which are somebody's secret */
    uint64_t resets;
};

struct virtio_rng_start {
    const struct device_environment *environment; /* line 0 is its interrupt */
    const struct registers *registers;
    struct dma_memory memory; /* VIRTIO_RNG_MEMORY bytes */
    /** Called when the device has been reset (device.quiesced), before it is told of any memory. */
    kern_return_t (*quiesced)(void *context);
    void *context;
};

/** Reset it and set it up. Errors as virtio_mmio_*(), quiesced(). */
kern_return_t virtio_rng_start(struct virtio_rng *rng, const struct virtio_rng_start *start);

/** Up to `wanted` random bytes, at least one: *count. Takes at most VIRTIO_RNG_TRIES time-outs of a second, and as many resets.
 *  KERN_INVALID_ARGUMENT: wanted is 0, or above VIRTIO_RNG_BYTES; KERN_MEMORY_FAILURE: G2, or it does not answer; KERN_TERMINATED:
 *  it cannot be reset: the driver is to end. */
kern_return_t virtio_rng_read(struct virtio_rng *rng, uint8_t *bytes, uint32_t wanted,
                              uint32_t *count);
