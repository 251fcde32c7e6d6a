/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of an RNG200: the logic (rng200.h) as a server of the class rng. Argument: compatible=.
 */
#include "rng200.h"
#include <libsys/driver/class_server.h>
#include <string.h>

static void stop(struct driver *driver)
{
    struct rng_device *device = driver->context;

    device->ops->stop(device);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct rng200 rng;
    static struct class_server server;
    struct registers registers;
    uint64_t size;

    driver_begin(&driver, argc, argv);
    const char *compatible = driver_argument(&driver, "compatible");
    kern_return_t kr = driver_map(&driver, 0, &registers, &size);
    if (kr == KERN_SUCCESS) {
        rng200_init(&rng, &driver.environment, registers,
                    compatible && strcmp(compatible, "brcm,bcm2711-rng200") == 0);
        kr = rng.rng.ops->start(&rng.rng);
    }
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    driver.context = &rng.rng;
    driver.stop = stop;
    class_server_check_in(&driver, &server, NULL, &rng.rng);
    struct server_interface interface = rng_class(&server);
    driver_serve(&driver, &interface, 1);
}
