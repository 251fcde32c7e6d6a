/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of random numbers (interfaces/rng.defs).
 */
#include <libsys/driver/class_server.h>
#include <wharf/if/rng.h>

static kern_return_t read(struct server_message *message, uint32_t wanted, void *bytes,
                          uint32_t *bytes_size)
{
    struct rng_device *device = class_server_device(message);
    size_t got;

    if (!device)
        return MIG_BAD_ID;
    const kern_return_t kr = device->ops->read(device, bytes, wanted, &got);
    if (kr == KERN_SUCCESS)
        *bytes_size = (uint32_t)got;
    return kr;
}

struct server_interface rng_class(struct class_server *server)
{
    static const struct rng_ops operations = {.read = read};

    return rng_interface(&operations, server);
}
