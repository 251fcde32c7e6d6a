/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL061: eight pins (Arm DDI 0190).
 */
#pragma once

#include <libsys/driver/gpio_device.h>

enum { PL061_PINS = 8 };

struct pl061 {
    struct gpio_device gpio; /* first: the ops get this */
    uint8_t watched, levels; /* pins with a trigger; those of them with a level trigger */
};

/** No register is touched before ops->start(). */
void pl061_init(struct pl061 *gpio, const struct device_environment *environment,
                struct registers registers);
