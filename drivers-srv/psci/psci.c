/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI as a power device (psci.h). The numbers of power.how and host_reboot.how are the same where both have one; here is where that is
 * checked.
 */
#include "psci.h"

#include <wharf/if/host_reboot_types.h>

_Static_assert(POWER_HOW_REBOOT == (int)HOST_REBOOT_HOW_REBOOT &&
               POWER_HOW_POWER_OFF == (int)HOST_REBOOT_HOW_POWER_OFF);

static kern_return_t psci_reset(struct power_device *power, uint32_t how)
{
    struct psci *p = (struct psci *)power;

    if (how != POWER_HOW_REBOOT && how != POWER_HOW_POWER_OFF)
        return KERN_INVALID_VALUE;
    kern_return_t kr = p->reset(p->context, how);
    return kr == KERN_SUCCESS ? KERN_FAILURE : kr; /* it returned, so it did not happen */
}

static const struct power_device_ops ops = {.reset = psci_reset};

void psci_init(struct psci *psci, const struct device_environment *environment,
               kern_return_t (*reset)(void *context, uint32_t how), void *context)
{
    *psci = (struct psci){
        .power = {.ops = &ops, .environment = environment},
        .reset = reset,
        .context = context,
    };
}
