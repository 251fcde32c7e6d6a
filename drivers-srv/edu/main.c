/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of QEMU's educational device: the logic (edu.h) as a server of interfaces/edu.defs. Its line may be shared with other PCI
 * functions, so interrupts are served as they come (SERVED), not only while somebody waits.
 */
#include "edu.h"
#include <libsys/driver/class_server.h>
#include <wharf/if/edu.h>

static kern_return_t factorial(struct server_message *message, uint32_t number, uint32_t *value)
{
    struct edu_device *edu = class_server_device(message);

    return edu ? edu_device_factorial(edu, number, value) : MIG_BAD_ID;
}

static kern_return_t raise(struct server_message *message, uint32_t causes)
{
    struct edu_device *edu = class_server_device(message);

    return edu ? edu_device_raise(edu, causes) : MIG_BAD_ID;
}

static kern_return_t interrupts(struct server_message *message, uint64_t *count, uint32_t *causes)
{
    const struct edu_device *edu = class_server_device(message);

    if (!edu)
        return MIG_BAD_ID;
    *count = edu->interrupts;
    *causes = edu->causes;
    return KERN_SUCCESS;
}

static void interrupt(struct driver *driver, unsigned line)
{
    (void)line;
    edu_device_interrupt(driver->context);
}

int main(int argc, char **argv)
{
    static const struct edu_ops operations = {.factorial = factorial,
                                              .raise = raise,
                                              .interrupts = interrupts};
    static struct driver driver;
    static struct edu_device device;
    static struct class_server server;
    struct registers registers;
    uint64_t length;

    driver_begin(&driver, argc, argv);
    kern_return_t kr = driver_map(&driver, 0, &registers, &length);
    if (kr == KERN_SUCCESS)
        kr = edu_device_start(&device, &driver.environment, registers);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    driver.context = &device;
    driver.interrupt = interrupt;
    if (kr == KERN_SUCCESS)
        kr = driver_listen(&driver, 0, SERVED);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    class_server_check_in(&driver, &server, NULL, &device);
    struct server_interface interface = edu_interface(&operations, &server);
    driver_serve(&driver, &interface, 1);
}
