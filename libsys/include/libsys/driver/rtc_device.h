/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a clock that knows the time of day offers to its server (libsys/driver/rtc_server.c). One thread calls it.
 *
 * Such a clock is believed only as far as it can be checked: that it runs, and not backwards. Between two readings it may have been
 * set, by us or by others.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

struct rtc_device_ops;

struct rtc_device {
    const struct rtc_device_ops *ops;
    const struct device_environment *environment;
    struct registers registers;
};

struct rtc_device_ops {
    /** KERN_FAILURE: there is no such device behind the registers. */
    kern_return_t (*start)(struct rtc_device *device);
    /** Seconds since 1970-01-01 00:00 UTC. KERN_NOT_FOUND: it has stopped, runs backwards, or was never set. */
    kern_return_t (*get)(struct rtc_device *device, uint64_t *seconds);
    /** Waits until the clock shows it, at most 3 s. KERN_INVALID_ARGUMENT: it cannot count that far, or it is before the year 2000. KERN_NOT_SUPPORTED: it cannot be set.
     *  KERN_FAILURE: it does not show what it was set to. */
    kern_return_t (*set)(struct rtc_device *device, uint64_t seconds);
};
