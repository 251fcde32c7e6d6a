/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCM2835 power management block. There is no manual; what the registers mean is known from the drivers of others (README.md).
 *
 * W1 Every write carries the password, or is ignored.
 * W2 The time is written before the watchdog is armed, and again to kick it: a driver that ends in between leaves it as it was, or
 *    armed with the new time.
 * W3 The partition to boot from is spread over RSTS; all ones there tell the firmware to halt instead. It is cleared for a reboot.
 */
#include "bcm_pm.h"

enum { RSTC = 0x1c, RSTS = 0x20, WDOG = 0x24 };

#define PASSWORD         0x5a000000u
#define RSTC_KIND        0x30u /* what happens when the watchdog has run down */
#define RSTC_FULL_RESET  0x20u
#define RSTC_OFF         0x102u
#define RSTS_PARTITION   0x555u /* bits 0, 2, 4, 6, 8, 10: the partition's number */
#define RSTS_HALT        0x555u /* number 63 */
#define WDOG_TICKS       0xfffffu
#define TICKS_PER_SECOND 65536u
#define RESET_TICKS      10u
#define RESET_PATIENCE   DEVICE_SECOND

static struct bcm_pm *of(struct power_device *power)
{
    return (struct bcm_pm *)power;
}

static uint32_t read(struct bcm_pm *p, uint32_t reg)
{
    return register_read32(&p->registers, reg);
}

static void write(struct bcm_pm *p, uint32_t reg, uint32_t value)
{
    register_write32(&p->registers, reg, PASSWORD | (value & 0xffffff));
}

/* False: it is not armed afterwards. */
static bool arm(struct bcm_pm *p, uint32_t ticks)
{
    write(p, WDOG, ticks);
    write(p, RSTC, (read(p, RSTC) & ~RSTC_KIND) | RSTC_FULL_RESET);
    registers_settle();
    return (read(p, RSTC) & RSTC_KIND) == RSTC_FULL_RESET;
}

static kern_return_t bcm_pm_reset(struct power_device *power, uint32_t how)
{
    struct bcm_pm *p = of(power);
    uint32_t status;

    if (how != POWER_HOW_REBOOT && how != POWER_HOW_POWER_OFF)
        return KERN_INVALID_VALUE;
    status = read(p, RSTS) & ~RSTS_PARTITION;
    write(p, RSTS, how == POWER_HOW_POWER_OFF ? status | RSTS_HALT : status);
    (void)arm(p, RESET_TICKS);
    device_sleep(power->environment, RESET_PATIENCE);
    return KERN_FAILURE;
}

static kern_return_t bcm_pm_watchdog(struct power_device *power, uint32_t milliseconds,
                                     uint32_t *longest)
{
    struct bcm_pm *p = of(power);

    if (milliseconds > BCM_PM_LONGEST)
        return KERN_INVALID_ARGUMENT;
    if (milliseconds == 0) {
        write(p, RSTC, RSTC_OFF);
        if (read(p, RSTC) & RSTC_KIND)
            return KERN_FAILURE;
    } else {
        uint32_t ticks = (uint32_t)((uint64_t)milliseconds * TICKS_PER_SECOND / 1000);
        if (!arm(p, ticks > 0 ? ticks & WDOG_TICKS : 1))
            return KERN_FAILURE;
    }
    *longest = BCM_PM_LONGEST;
    return KERN_SUCCESS;
}

static const struct power_device_ops ops = {.reset = bcm_pm_reset, .watchdog = bcm_pm_watchdog};

void bcm_pm_init(struct bcm_pm *pm, const struct device_environment *environment,
                 struct registers registers)
{
    *pm = (struct bcm_pm){
        .power = {.ops = &ops, .environment = environment},
        .registers = registers,
    };
}
