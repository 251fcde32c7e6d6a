/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 UART (Arm DDI 0183) as a serial line. What it does and why: pl011.c; the registers: pl011_registers.h.
 */
#pragma once

#include <libsys/driver/tty_device.h>

struct pl011 {
    struct tty_device tty; /* first: the ops get this */
    uint32_t mask;         /* IMSC, as last written */
    int early; /* a byte that was read before anybody could have it, or TTY_NOTHING (see pl011_settings.c) */
    bool held; /* input is held */
};

/** clock: hertz of UARTCLK, 0: unknown. No register is touched before ops->start(). */
void pl011_init(struct pl011 *uart, const struct device_environment *environment,
                struct registers registers, uint64_t clock);
