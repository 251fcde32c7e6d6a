/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watchdog, reset and power-off by the power management block of the BCM2835 and its successors.
 */
#pragma once

#include <libsys/driver/power_device.h>
#include <user/registers.h>

struct bcm_pm {
    struct power_device power; /* first: the ops get this */
    struct registers registers;
};

enum { BCM_PM_LONGEST = 15999 }; /* milliseconds the watchdog counts at most */

/** No register is touched: a watchdog that runs goes on until ops->watchdog() says otherwise. */
void bcm_pm_init(struct bcm_pm *pm, const struct device_environment *environment,
                 struct registers registers);
