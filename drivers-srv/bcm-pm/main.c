/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the power management block: the logic (bcm_pm.h) as a server of the class power. Before a reset the firmware is told, if
 * it can be reached in time: it may want to end something of its own.
 */
#include "bcm_pm.h"
#include <libsys/driver/class_server.h>
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <wharf/if/firmware.h>

#define TELL_PATIENCE (300 * DEVICE_MILLISECOND)
enum { TAG_NOTIFY_REBOOT = 0x00030048 };

/* The block's own, with the firmware told before. */
struct told_power {
    struct power_device power; /* first: the ops get this */
    struct bcm_pm pm;
    struct driver *driver;
};

static void tell_firmware(struct told_power *told)
{
    const uint64_t deadline = kernel_clock_now() + TELL_PATIENCE;
    uint32_t answer[FIRMWARE_WORDS_MAX], count;
    mach_port_name_t firmware;

    if (driver_look_up(told->driver, "firmware.firmware0", &firmware) != KERN_SUCCESS)
        return;
    /* Whatever it says, the machine goes down. */
    (void)!firmware_property_until(firmware, TAG_NOTIFY_REBOOT, NULL, 0, answer, &count, deadline);
    stub_release_right(firmware, MSG_MOVE_SEND); /* unless it does not */
}

static kern_return_t reset(struct power_device *power, uint32_t how)
{
    struct told_power *told = (struct told_power *)power;

    if (how == POWER_HOW_REBOOT || how == POWER_HOW_POWER_OFF)
        tell_firmware(told);
    return told->pm.power.ops->reset(&told->pm.power, how);
}

static kern_return_t watchdog(struct power_device *power, uint32_t milliseconds, uint32_t *longest)
{
    struct told_power *told = (struct told_power *)power;

    return told->pm.power.ops->watchdog(&told->pm.power, milliseconds, longest);
}

int main(int argc, char **argv)
{
    static const struct power_device_ops ops = {.reset = reset, .watchdog = watchdog};
    static struct driver driver;
    static struct told_power told = {.power = {.ops = &ops}, .driver = &driver};
    static struct class_server server;
    struct registers registers;
    uint64_t size;

    driver_begin(&driver, argc, argv);
    kern_return_t kr = driver_map(&driver, 0, &registers, &size);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(&driver);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "its registers: error %d", (int)kr);
    bcm_pm_init(&told.pm, &driver.environment, registers);
    class_server_check_in(&driver, &server, NULL, &told.power);
    struct server_interface interface = power_class(&server);
    driver_serve(&driver, &interface, 1);
}
