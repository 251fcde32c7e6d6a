/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the mailbox: the firmware's properties, its clocks and its pins, as three services of one instance name. A client's right to
 * one is none to the others.
 */
#include "bcm_mailbox.h"
#include <libsys/driver/class_server.h>

static struct bcm_mailbox mailbox;

static void stop(struct driver *driver)
{
    bcm_mailbox_stop(&mailbox);
    if (!mailbox.lent)
        driver_at_rest(driver);
}

/* Registers, memory and the interrupt; then the firmware has answered, and has nothing of a predecessor's any more. */
static kern_return_t start(struct driver *driver, uint32_t *revision)
{
    struct registers registers;
    struct dma_memory memory;
    uint64_t size;

    kern_return_t kr = driver_map(driver, 0, &registers, &size);
    if (kr == KERN_SUCCESS)
        kr = driver_memory(driver, BCM_MAILBOX_MEMORY, &memory);
    if (kr == KERN_SUCCESS)
        kr = driver_listen(driver, 0, WAITED);
    if (kr == KERN_SUCCESS)
        kr = bcm_mailbox_init(&mailbox, &driver->environment, registers, &memory);
    if (kr == KERN_SUCCESS)
        kr = bcm_mailbox_start(&mailbox, revision);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(driver);
    return kr;
}

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct bcm_clocks clocks;
    static struct bcm_expander expander;
    static struct class_server firmware_server, clocks_server;
    static struct gpio_server gpio_server;
    uint32_t revision;

    driver_begin(&driver, argc, argv);
    driver.stop = stop;
    const kern_return_t kr = start(&driver, &revision);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    device_log(&driver.environment, "firmware %08x", revision);
    bcm_clocks_init(&clocks, &mailbox.firmware);
    bcm_expander_init(&expander, &mailbox.firmware);
    class_server_check_in(&driver, &firmware_server, NULL, &mailbox.firmware);
    class_server_check_in(&driver, &clocks_server, "clocks", &clocks.clocks);
    class_server_check_in(&driver, &gpio_server.class, "gpio", &expander.gpio);
    struct server_interface interfaces[] = {
        firmware_class(&firmware_server),
        clocks_class(&clocks_server),
        gpio_class(&gpio_server),
    };
    driver_serve(&driver, interfaces, 3);
}
