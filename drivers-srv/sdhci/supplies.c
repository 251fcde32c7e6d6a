/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slot's clock and supplies (supplies.h).
 */
#include "supplies.h"
#include <libsys/kernel.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/gpio.h>

enum { NAME_MAX_LENGTH = 63, FLAG_ACTIVE_LOW = 1 };
#define PATIENCE (DEVICE_SECOND / 2)

/* "SERVICE:NUMBER[:NUMBER]": the service's port, 0 if it is not to be had; numbers that are missing are 0. */
static mach_port_name_t provider(struct driver *driver, const char *value, uint32_t numbers[2])
{
    char name[NAME_MAX_LENGTH + 1];
    const char *colon = strchr(value, ':');
    const size_t length = colon ? (size_t)(colon - value) : strlen(value);
    mach_port_name_t service = MSG_NULL;
    char *end = NULL;

    if (length > NAME_MAX_LENGTH)
        return MSG_NULL;
    memcpy(name, value, length);
    name[length] = '\0';
    numbers[0] = colon ? (uint32_t)strtoul(colon + 1, &end, 0) : 0;
    numbers[1] = end && *end == ':' ? (uint32_t)strtoul(end + 1, NULL, 0) : 0;
    const kern_return_t kr = driver_look_up(driver, name, &service);
    if (kr != KERN_SUCCESS)
        device_log(&driver->environment, "%s: error %d", name, (int)kr);
    return kr == KERN_SUCCESS ? service : MSG_NULL;
}

uint32_t slot_clock(struct driver *driver)
{
    const uint64_t hertz = driver_clock(driver, "clock.0");

    return hertz > UINT32_MAX ? 0 : (uint32_t)hertz;
}

/* Who drives the pin may be restarted meanwhile, or be out of order: that is not to make this driver hang. */
static uint64_t soon(void)
{
    return kernel_clock_now() + PATIENCE;
}

static kern_return_t set(const struct supply_pin *pin, bool on)
{
    return gpio_set_until(pin->service, pin->pin, on != pin->active_low, soon());
}

static kern_return_t card_power(void *context, bool on)
{
    const struct slot_supplies *slot = context;

    return set(&slot->card, on);
}

/* The pin chooses 1.8 V when it is active. */
static kern_return_t lines_3_3(void *context)
{
    const struct slot_supplies *slot = context;

    return set(&slot->lines, false);
}

static bool lines_are_1_8(void *context)
{
    const struct slot_supplies *slot = context;
    bool level;

    return gpio_get_until(slot->lines.service, slot->lines.pin, &level, soon()) == KERN_SUCCESS &&
           level != slot->lines.active_low;
}

static bool find_pin(struct driver *driver, const char *argument, struct supply_pin *pin)
{
    const char *value = driver_argument(driver, argument);
    uint32_t numbers[2] = {0};

    if (!value || !strchr(value, ':'))
        return false; /* always on */
    pin->service = provider(driver, value, numbers);
    pin->pin = numbers[0];
    pin->active_low = numbers[1] & FLAG_ACTIVE_LOW;
    return pin->service != MSG_NULL;
}

const struct sd_supplies *slot_supplies_begin(struct slot_supplies *slot, struct driver *driver)
{
    const bool has_card = find_pin(driver, "vmmc.0", &slot->card);
    const bool has_lines = find_pin(driver, "vqmmc.0", &slot->lines);

    slot->supplies = (struct sd_supplies){
        .context = slot,
        .card_power = has_card ? card_power : NULL,
        .lines_3_3 = has_lines ? lines_3_3 : NULL,
        .lines_are_1_8 = has_lines ? lines_are_1_8 : NULL,
    };
    return has_card || has_lines ? &slot->supplies : NULL;
}
