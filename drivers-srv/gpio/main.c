/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of pins: the BCM2711's (bcm2711_gpio.h) or a PL061's (pl061.h), as the argument compatible= says, as a server of the class
 * gpio. A board may have wired no interrupt: then nobody can be told of anything.
 */
#include "bcm2711_gpio.h"
#include <libsys/driver/class_server.h>
#include <pl061.h>
#include <string.h>

static void interrupt(struct driver *driver, unsigned line)
{
    (void)line; /* whichever: what is pending is taken from all banks */
    gpio_class_interrupt(driver->context);
}

static struct gpio_device *choose(struct driver *driver, struct registers registers)
{
    static struct pl061 pl061;
    static struct bcm2711_gpio bcm2711;
    const char *compatible = driver_argument(driver, "compatible");

    if (compatible && strcmp(compatible, "arm,pl061") == 0) {
        pl061_init(&pl061, &driver->environment, registers);
        return &pl061.gpio;
    }
    bcm2711_gpio_init(&bcm2711, &driver->environment, registers);
    return &bcm2711.gpio;
}

static void stop(struct driver *driver)
{
    struct gpio_server *server = driver->context;
    struct gpio_device *device = server->class.device;

    (void)!device->ops->start(device); /* triggers off, all else as it is */
}

static kern_return_t listen(struct driver *driver)
{
    kern_return_t kr = KERN_SUCCESS;

    for (uint32_t line = 0;
         kr == KERN_SUCCESS && line < driver->facts.lines && line < DRIVER_LINES_MAX; line++)
        kr = driver_listen(driver, line, SERVED);
    return kr;
}

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct gpio_server server;
    struct gpio_device *device = NULL;
    struct registers registers;
    uint64_t size;

    driver_begin(&driver, argc, argv);
    driver.context = &server;
    driver.interrupt = interrupt;
    driver.stop = stop;
    kern_return_t kr = driver_map(&driver, 0, &registers, &size);
    if (kr == KERN_SUCCESS) {
        device = choose(&driver, registers);
        kr = device->ops->start(device);
    }
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    if (kr == KERN_SUCCESS)
        kr = listen(&driver);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    class_server_check_in(&driver, &server.class, NULL, device);
    struct server_interface interface = gpio_class(&server);
    driver_serve(&driver, &interface, 1);
}
