/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pins of the BCM2711 ("BCM2711 ARM Peripherals", chapter 5).
 */
#pragma once

#include <libsys/driver/gpio_device.h>

enum { BCM2711_PINS = 58 };

struct bcm2711_gpio {
    struct gpio_device gpio;        /* first: the ops get this */
    uint8_t triggers[BCM2711_PINS]; /* enum gpio_trigger */
};

/** No register is touched before ops->start(). */
void bcm2711_gpio_init(struct bcm2711_gpio *gpio, const struct device_environment *environment,
                       struct registers registers);
