/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of the firmware's properties (interfaces/firmware.defs).
 */
#include <libsys/driver/class_server.h>
#include <string.h>
#include <wharf/if/firmware.h>

static kern_return_t property(struct server_message *message, uint32_t tag, const uint32_t *value,
                              uint32_t value_count, uint32_t *answer, uint32_t *answer_count)
{
    struct firmware_device *device = class_server_device(message);
    uint32_t words[FIRMWARE_WORDS_MAX], answered;

    if (!device)
        return MIG_BAD_ID;
    memcpy(words, value, value_count * sizeof(*words)); /* the stub has checked how many */
    const kern_return_t kr = device->ops->property(device, tag, words, value_count, &answered);
    if (kr != KERN_SUCCESS)
        return kr;
    memcpy(answer, words, answered * sizeof(*words));
    *answer_count = answered;
    return KERN_SUCCESS;
}

struct server_interface firmware_class(struct class_server *server)
{
    static const struct firmware_ops operations = {.property = property};

    return firmware_interface(&operations, server);
}
