/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the PL011, 32 bits each. Source: Arm DDI 0183, chapter 3.
 */
#pragma once

#include "pl011.h"

enum {
    DR = 0x00,
    FR = 0x18,
    IBRD = 0x24,
    FBRD = 0x28,
    LCRH = 0x2c, /* writing it latches IBRD and FBRD */
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,
};

enum {
    DR_FRAMING = 1 << 8,
    DR_PARITY = 1 << 9,
    DR_BREAK = 1 << 10,

    FR_BUSY = 1 << 3,
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    FR_RX_FULL = 1 << 6,
    FR_TX_EMPTY = 1 << 7,

    LCRH_BREAK = 1 << 0,
    LCRH_PARITY = 1 << 1,
    LCRH_EVEN = 1 << 2,
    LCRH_TWO_STOPS = 1 << 3,
    LCRH_FIFO = 1 << 4,
    LCRH_BITS = 5, /* shift: data bits - 5 */
    LCRH_STICK = 1 << 7,
    LCRH_FORMAT = LCRH_PARITY | LCRH_EVEN | LCRH_TWO_STOPS | 3 << LCRH_BITS | LCRH_STICK,

    CR_ENABLE = 1 << 0,
    CR_LOOP = 1 << 7,
    CR_TX = 1 << 8,
    CR_RX = 1 << 9,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_RTS_FLOW = 1 << 14,
    CR_CTS_FLOW = 1 << 15,
    CR_ON = CR_ENABLE | CR_TX | CR_RX,
    CR_FLOW = CR_RTS_FLOW | CR_CTS_FLOW,

    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RX_TIMEOUT = 1 << 6,
    INT_OVERRUN = 1 << 10,
    INT_INPUT = INT_RX | INT_RX_TIMEOUT,
    INT_ALL = 0x7ff,

    /* Interrupts at a quarter: room is told with some bytes still to be sent, input with three quarters still free. */
    IFLS_QUARTERS = 1 << 3 | 1 << 0,
};

static inline uint32_t pl011_read(struct pl011 *u, uint32_t reg)
{
    return register_read32(&u->tty.registers, reg);
}

static inline void pl011_write(struct pl011 *u, uint32_t reg, uint32_t value)
{
    register_write32(&u->tty.registers, reg, value);
}

/* pl011_settings.c */
kern_return_t pl011_start(struct tty_device *tty, const struct tty_settings *wanted);
kern_return_t pl011_set_settings(struct tty_device *tty, const struct tty_settings *settings);
void pl011_set_break(struct tty_device *tty, bool on);
void pl011_set_clock(struct tty_device *tty, uint64_t hertz);
