/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset and power-off where PSCI does it. The calls are the kernel's (arch/aarch64/power); to a program they are host_reboot.reset, and this is
 * what turns one class of device into the other. There are no registers, and there is no watchdog.
 */
#pragma once

#include <libsys/driver/power_device.h>

struct psci {
    struct power_device power; /* first: the ops get this */
    /* host_reboot.reset (enum host_reboot_how) on the port the driver was given. */
    kern_return_t (*reset)(void *context, uint32_t how);
    void *context;
};

void psci_init(struct psci *psci, const struct device_environment *environment,
               kern_return_t (*reset)(void *context, uint32_t how), void *context);
