/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes between a client's rings (wharf/tty_ring.h) and a serial line: the only place that moves the rings' indices, one byte at
 * a time (Q1, U2). The client writes into the rings while we read them: each index is read once a byte, and checked (Q2).
 */
#pragma once

#include <libsys/driver/tty_device.h>
#include <wharf/tty_ring.h>

enum tty_pumped {
    TTY_PUMP_DONE,  /* nothing is left to be moved */
    TTY_PUMP_WAITS, /* output: the device is full, TTY_EVENT_ROOM is asked for; input: the ring is full, input is held */
    TTY_PUMP_MORE,  /* enough for once: call again when others have had their turn */
    TTY_PUMP_BROKEN, /* the client's indices are nonsense: end the attachment */
};

/** From the client's ring into the device. */
enum tty_pumped tty_pump_output(struct tty_device *device, struct tty_ring *ring);

/** From the device into the client's ring. Bytes with errors are not delivered; breaks neither. NULL: nobody is attached, the input
 *  is read and dropped. moved, if not NULL: how many bytes came into the ring. */
enum tty_pumped tty_pump_input(struct tty_device *device, struct tty_ring *ring, unsigned *moved);
