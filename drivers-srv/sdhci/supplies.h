/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a slot gets from other drivers: the clock of its controller and the switches of its supplies. They are asked at the start, with
 * a deadline: a provider that is away is being restarted.
 */
#pragma once

#include "sd.h"
#include <libsys/driver/driver.h>

/** A pin of a gpio service that switches a supply; service 0: there is none. */
struct supply_pin {
    mach_port_name_t service;
    uint32_t pin;
    bool active_low;
};

struct slot_supplies {
    struct supply_pin card, lines;
    struct sd_supplies supplies; /* for the logic; context is this */
};

/** Hertz of the controller's clock as the arguments tell; 0: they do not, the controller says it. */
uint32_t slot_clock(struct driver *driver);
/** The supplies that the arguments name; NULL: none. */
const struct sd_supplies *slot_supplies_begin(struct slot_supplies *slot, struct driver *driver);
