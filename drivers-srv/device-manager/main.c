/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device manager: reads the device tree, chooses drivers by their manifests, makes the devices' ports and hands both to the supervisor; then
 * answers what is asked (interfaces/devices.defs). README.md tells how.
 */
#include "manager.h"

#include <libsys/program.h>
#include <wharf/if/service.h>

struct manager manager;

int main(int argc, char **argv)
{
    struct driver *driver = &manager.driver;
    struct reason why;

    driver_begin(driver, argc, argv);
    manager.host_devices = program_start_info->host_devices;
    if (manager.host_devices == MSG_NULL)
        driver_fail(driver, "it has no right over devices");
    if (driver_look_up(driver, "supervisor", &manager.supervisor) != KERN_SUCCESS)
        driver_fail(driver, "it may not talk to the supervisor");
    inputs_read();
    if (devices_find(&manager.tree, &manager.manifests, &manager.devices, &why) != KERN_SUCCESS)
        driver_fail(driver, "the tree: %s", why.text);
    hardware_make();
    devices_settle(&manager.devices);
    saved_open();
    requests_serve();
}
