/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a source of random numbers offers to its server (libsys/driver/rng_server.c). One thread calls it.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

struct rng_device_ops;

struct rng_device {
    const struct rng_device_ops *ops;
    const struct device_environment *environment;
    struct registers registers;
    uint64_t failures; /* of its self-tests and ours, so far */
};

struct rng_device_ops {
    /** KERN_FAILURE: there is no such device behind the registers, or it does not come up. */
    kern_return_t (*start)(struct rng_device *device);
    /** The device may go on by itself; nothing is asked of it any more. */
    void (*stop)(struct rng_device *device);
    /**
     * As many as it has at once, at least one and at most `wanted` (not 0). Waits for the first ones, and while it starts a device
     * anew that failed its self-test: 3 s at most. KERN_MEMORY_FAILURE: it fails again and again, or gives nothing.
     */
    kern_return_t (*read)(struct rng_device *device, uint8_t *bytes, size_t wanted, size_t *got);
};
