/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of a PL031: the logic (pl031.h) as a server of the class rtc.
 */
#include "pl031.h"
#include <libsys/driver/class_server.h>

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct pl031 clock;
    static struct class_server server;
    struct registers registers;
    uint64_t size;

    driver_begin(&driver, argc, argv);
    kern_return_t kr = driver_map(&driver, 0, &registers, &size);
    if (kr == KERN_SUCCESS) {
        pl031_init(&clock, &driver.environment, registers);
        kr = clock.rtc.ops->start(&clock.rtc);
    }
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "it does not start: error %d", (int)kr);
    class_server_check_in(&driver, &server, NULL, &clock.rtc);
    struct server_interface interface = rtc_class(&server);
    driver_serve(&driver, &interface, 1);
}
