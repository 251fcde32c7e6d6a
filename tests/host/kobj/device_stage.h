/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scenes of devices share: a board, and a device on it.
 */
#pragma once

#include "kobj_world.h"
#include <kern/device.h>

enum { DEVICE_AT = 0x20000000, DEVICE_LINE = 40 };

/** The program, and the right to all devices: on a board with two banks of RAM, a reservation beside them, and a controller in several
 *  pieces. */
uint32_t enter_board(void);
/** A device with a range of 0x1234 bytes, from the midst of a page on, and two lines, DEVICE_LINE and the next. */
kern_return_t make_device(uint32_t devices, bool edge, uint32_t *control);
/** A driver of one: its session, and its share in line `index`. */
struct driver {
    uint32_t device, interrupt, port;
};
struct driver drive(uint32_t control, uint32_t index);
void stop(struct driver *driver);
/** Has it been told? What it was is in the actor's registers. */
bool is_told(const struct driver *driver);
