/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of QEMU's firmware configuration device: the logic (fw_cfg.h) as a server of interfaces/fwcfg.defs.
 */
#include "fw_cfg.h"
#include <libsys/driver/class_server.h>
#include <wharf/if/fwcfg.h>

static kern_return_t size(struct server_message *message, const char *name, uint32_t *out)
{
    struct fw_cfg *device = class_server_device(message);
    struct fw_cfg_file file;

    if (!device)
        return MIG_BAD_ID;
    const kern_return_t kr = fw_cfg_find(device, name, &file);
    if (kr == KERN_SUCCESS)
        *out = file.size;
    return kr;
}

static kern_return_t read(struct server_message *message, const char *name, uint32_t offset,
                          uint32_t wanted, void *bytes, uint32_t *bytes_size)
{
    struct fw_cfg *device = class_server_device(message);
    struct fw_cfg_file file;

    if (!device)
        return MIG_BAD_ID;
    const kern_return_t kr = fw_cfg_find(device, name, &file);
    if (kr != KERN_SUCCESS)
        return kr;
    return fw_cfg_read(device, &file, offset, wanted, bytes, bytes_size);
}

int main(int argc, char **argv)
{
    static const struct fwcfg_ops operations = {.size = size, .read = read};
    static struct driver driver;
    static struct fw_cfg device;
    static struct class_server server;
    struct registers registers;
    uint64_t length;

    driver_begin(&driver, argc, argv);
    kern_return_t kr = driver_map(&driver, 0, &registers, &length);
    if (kr == KERN_SUCCESS)
        kr = fw_cfg_start(&device, &driver.environment, registers);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    class_server_check_in(&driver, &server, NULL, &device);
    struct server_interface interface = fwcfg_interface(&operations, &server);
    driver_serve(&driver, &interface, 1);
}
