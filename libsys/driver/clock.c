/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock that feeds a driver's device (<libsys/driver/driver.h>: driver_clock). The provider may be restarted meanwhile, or be out of order:
 * a driver that starts does not depend on it for longer than PATIENCE.
 */
#include "driver_impl.h"
#include <stdlib.h>
#include <string.h>
#include <wharf/if/clocks.h>

#define PATIENCE DEVICE_SECOND
enum { NAME_MAX_LENGTH = 63 };

static uint64_t ask(struct driver *driver, mach_port_name_t service, uint32_t clock)
{
    const uint64_t deadline = device_now(&driver->environment) + PATIENCE;
    uint64_t hertz = 0;
    kern_return_t kr;

    driver_busy(driver, deadline + DRIVER_TAKES);
    do
        kr = clocks_get_rate_until(service, clock, &hertz, deadline);
    while (kr == MIG_SERVER_DIED); /* the next instance answers, or the deadline comes */
    return kr == KERN_SUCCESS ? hertz : 0;
}

uint64_t driver_clock(struct driver *driver, const char *name)
{
    const char *value = driver_argument(driver, name);
    const char *colon = value ? strchr(value, ':') : NULL;
    char service_name[NAME_MAX_LENGTH + 1], *end;
    mach_port_name_t service;

    if (!colon)
        return driver_number(driver, name, 0);
    const size_t length = (size_t)(colon - value);
    if (length > NAME_MAX_LENGTH)
        return 0;
    memcpy(service_name, value, length);
    service_name[length] = '\0';
    const unsigned long clock = strtoul(colon + 1, &end, 0);
    if (end == colon + 1 || *end != '\0' || clock > UINT32_MAX ||
        driver_look_up(driver, service_name, &service) != KERN_SUCCESS)
        return 0;
    const uint64_t hertz = ask(driver, service, (uint32_t)clock);
    stub_release_right(service, MSG_MOVE_SEND);
    return hertz;
}
