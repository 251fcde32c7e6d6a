/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a firmware's property channel offers to its server (libsys/driver/firmware_server.c), and to logic that goes
 * through it: clocks, pins and power domains that the firmware has in hand. One thread calls it.
 */
#pragma once

#include <libsys/device_logic.h>
#include <wharf/if/firmware_types.h>

struct firmware_device_ops;

struct firmware_device {
    const struct firmware_device_ops *ops;
};

struct firmware_device_ops {
    /**
     * One tag. value[0..count) goes there, and what is answered comes back in its place, *answered words of it, at most count: so
     * count (at most FIRMWARE_WORDS_MAX) has room for both. Unchanged on any error.
     * KERN_INVALID_ARGUMENT: too long. KERN_NOT_SUPPORTED: it does not know the tag. KERN_OPERATION_TIMED_OUT: it does not answer. KERN_FAILURE: it
     * refused, or its answer is malformed.
     */
    kern_return_t (*property)(struct firmware_device *device, uint32_t tag, uint32_t *value,
                              uint32_t count, uint32_t *answered);
};

static inline kern_return_t firmware_property_of(struct firmware_device *device, uint32_t tag,
                                                 uint32_t *value, uint32_t count,
                                                 uint32_t *answered)
{
    return device->ops->property(device, tag, value, count, answered);
}
