/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of PSCI: the kernel's host_reboot.reset (psci.h) as a server of the class power. It has no device, but the right `host_reboot`.
 */
#include "psci.h"
#include <libsys/driver/class_server.h>
#include <libsys/program.h>
#include <wharf/if/host_reboot.h>

static kern_return_t reset(void *context, uint32_t how)
{
    (void)context;
    return host_reboot_reset(program_start_info->host_reboot, how);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct psci psci;
    static struct class_server server;

    driver_begin(&driver, argc, argv);
    if (program_start_info->host_reboot == MSG_NULL)
        driver_fail(&driver, "no right host_reboot");
    psci_init(&psci, &driver.environment, reset, NULL);
    class_server_check_in(&driver, &server, NULL, &psci.power);
    struct server_interface interface = power_class(&server);
    driver_serve(&driver, &interface, 1);
}
