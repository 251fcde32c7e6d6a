/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of clocks that feed devices (interfaces/clocks.defs).
 */
#include <libsys/driver/class_server.h>
#include <wharf/if/clocks.h>

static kern_return_t get_rate(struct server_message *message, uint32_t clock, uint64_t *hertz)
{
    struct clocks_device *device = class_server_device(message);

    return device ? device->ops->get_rate(device, clock, hertz) : MIG_BAD_ID;
}

static kern_return_t set_rate(struct server_message *message, uint32_t clock, uint64_t hertz,
                              uint64_t *got)
{
    struct clocks_device *device = class_server_device(message);

    return device ? device->ops->set_rate(device, clock, hertz, got) : MIG_BAD_ID;
}

static kern_return_t enable(struct server_message *message, uint32_t clock, bool on)
{
    struct clocks_device *device = class_server_device(message);

    return device ? device->ops->enable(device, clock, on) : MIG_BAD_ID;
}

struct server_interface clocks_class(struct class_server *server)
{
    static const struct clocks_ops operations = {
        .get_rate = get_rate,
        .set_rate = set_rate,
        .enable = enable,
    };

    return clocks_interface(&operations, server);
}
