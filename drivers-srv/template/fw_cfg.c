/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device (fw_cfg.h). Writing a key to the selector begins an item; each read of the data register gives its
 * next byte, zeros behind its end. Numbers are big-endian.
 */
#include "fw_cfg.h"

#include <string.h>

enum { DATA = 0x00, SELECTOR = 0x08 };
enum { KEY_SIGNATURE = 0x00, KEY_DIRECTORY = 0x19, KEY_FIRST_FILE = 0x20 };

static void select_item(struct fw_cfg *device, uint16_t key)
{
    register_write16(&device->registers, SELECTOR, __builtin_bswap16(key));
}

static void take(struct fw_cfg *device, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = register_read8(&device->registers, DATA);
}

static uint32_t take32(struct fw_cfg *device)
{
    uint8_t b[4];

    take(device, b, sizeof(b));
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

kern_return_t fw_cfg_start(struct fw_cfg *device, const struct device_environment *environment,
                           struct registers registers)
{
    uint8_t signature[4];

    *device = (struct fw_cfg){.environment = environment, .registers = registers};
    select_item(device, KEY_SIGNATURE);
    take(device, signature, sizeof(signature));
    return memcmp(signature, "QEMU", 4) == 0 ? KERN_SUCCESS : KERN_NOT_FOUND;
}

/* The next entry of the directory: size, key, two bytes for nothing, name. */
static void take_entry(struct fw_cfg *device, struct fw_cfg_file *file, char name[FW_CFG_NAME])
{
    uint8_t b[4];

    file->size = take32(device);
    take(device, b, sizeof(b));
    file->key = (uint16_t)(b[0] << 8 | b[1]);
    take(device, (uint8_t *)name, FW_CFG_NAME);
}

static kern_return_t complain(const struct fw_cfg *device, const char *what, uint32_t number)
{
    device_log(device->environment, "fw_cfg: %s: %u", what, number);
    return KERN_MEMORY_FAILURE;
}

kern_return_t fw_cfg_find(struct fw_cfg *device, const char *name, struct fw_cfg_file *file)
{
    char found[FW_CFG_NAME];
    uint32_t count;

    select_item(device, KEY_DIRECTORY);
    count = take32(device);
    if (count > FW_CFG_FILES_MAX)
        return complain(device, "files in the directory", count); /* F2 */
    for (uint32_t i = 0; i < count; i++) {
        take_entry(device, file, found);
        if (memchr(found, '\0', sizeof(found)) == NULL)
            return complain(device, "a name without an end, entry", i);
        if (strcmp(found, name) != 0)
            continue;
        if (file->key < KEY_FIRST_FILE)
            return complain(device, "a file with the key", file->key);
        return KERN_SUCCESS;
    }
    return KERN_NOT_FOUND;
}

kern_return_t fw_cfg_read(struct fw_cfg *device, const struct fw_cfg_file *file, uint32_t offset,
                          uint32_t wanted, uint8_t *bytes, uint32_t *count)
{
    if (offset >= file->size || wanted == 0)
        return KERN_INVALID_ARGUMENT;
    if (file->size > FW_CFG_SIZE_MAX)
        return KERN_LIMIT;
    *count = wanted < file->size - offset ? wanted : file->size - offset;
    select_item(device, file->key);
    for (uint32_t i = 0; i < offset; i++)
        (void)register_read8(&device->registers, DATA);
    take(device, bytes, *count);
    return KERN_SUCCESS;
}
