/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of reset and power offers to its server (libsys/driver/power_server.c). One thread calls it.
 */
#pragma once

#include <libsys/device_logic.h>
#include <wharf/if/power_types.h>

struct power_device_ops;

struct power_device {
    const struct power_device_ops *ops;
    const struct device_environment *environment;
};

struct power_device_ops {
    /** enum power_how. Waits for the end, at most 2 s: returns with an error only. KERN_INVALID_VALUE: no such. KERN_NOT_SUPPORTED: it cannot.
     *  KERN_FAILURE: the machine goes on. */
    kern_return_t (*reset)(struct power_device *device, uint32_t how);
    /** Reset the machine after so many milliseconds unless this is called again before; 0: do not. *longest: the most it takes.
     *  KERN_INVALID_ARGUMENT: more than that. KERN_FAILURE: the device does not keep what it is told. NULL: there is no watchdog. */
    kern_return_t (*watchdog)(struct power_device *device, uint32_t milliseconds,
                              uint32_t *longest);
};
