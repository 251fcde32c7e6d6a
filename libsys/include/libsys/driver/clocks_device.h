/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a clock provider offers to its server (libsys/driver/clocks_server.c). A clock's number is the one of the
 * device tree (the cell after the provider's phandle), and comes from strangers. One thread calls it.
 */
#pragma once

#include <libsys/device_logic.h>

struct clocks_device_ops;

struct clocks_device {
    const struct clocks_device_ops *ops;
};

struct clocks_device_ops {
    /** Hertz it runs at; 0: it stands still. KERN_NOT_FOUND: no such clock. KERN_FAILURE, KERN_OPERATION_TIMED_OUT: the provider does not tell. */
    kern_return_t (*get_rate)(struct clocks_device *device, uint32_t clock, uint64_t *hertz);
    /** The next it can do; *got is that. KERN_NOT_SUPPORTED: it cannot be changed. Otherwise as get_rate(). */
    kern_return_t (*set_rate)(struct clocks_device *device, uint32_t clock, uint64_t hertz,
                              uint64_t *got);
    /** Let it run or stop it. Errors as set_rate(). */
    kern_return_t (*enable)(struct clocks_device *device, uint32_t clock, bool on);
};
