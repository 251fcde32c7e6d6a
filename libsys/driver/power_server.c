/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of reset and power (interfaces/power.defs).
 */
#include <libsys/driver/class_server.h>
#include <wharf/if/power.h>

static kern_return_t reset(struct server_message *message, uint32_t how)
{
    struct power_device *device = class_server_device(message);

    return device ? device->ops->reset(device, how) : MIG_BAD_ID;
}

static kern_return_t watchdog(struct server_message *message, uint32_t milliseconds,
                              uint32_t *longest)
{
    struct power_device *device = class_server_device(message);

    if (!device)
        return MIG_BAD_ID;
    if (!device->ops->watchdog)
        return KERN_NOT_SUPPORTED;
    return device->ops->watchdog(device, milliseconds, longest);
}

struct server_interface power_class(struct class_server *server)
{
    static const struct power_ops operations = {.reset = reset, .watchdog = watchdog};

    return power_interface(&operations, server);
}
