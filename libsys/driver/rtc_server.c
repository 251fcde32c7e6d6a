/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of clocks that know the time of day (interfaces/rtc.defs).
 */
#include <libsys/driver/class_server.h>
#include <wharf/if/rtc.h>

static kern_return_t get(struct server_message *message, uint64_t *seconds)
{
    struct rtc_device *device = class_server_device(message);

    return device ? device->ops->get(device, seconds) : MIG_BAD_ID;
}

static kern_return_t set(struct server_message *message, uint64_t seconds)
{
    struct rtc_device *device = class_server_device(message);

    return device ? device->ops->set(device, seconds) : MIG_BAD_ID;
}

struct server_interface rtc_class(struct class_server *server)
{
    static const struct rtc_ops operations = {.get = get, .set = set};

    return rtc_interface(&operations, server);
}
