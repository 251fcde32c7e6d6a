/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the 8250's family, by number; and what differs between its kinds. Sources: PC16550D data sheet (National
 * Semiconductor, 1995), chapter 8; TL16C750 data sheet for MCR's flow control; "BCM2711 ARM Peripherals", 2.2, with the errata list
 * that users keep.
 */
#pragma once

#include "ns16550.h"

enum { /* numbers of registers */
       DATA = 0,
       IER = 1,
       IIR = 2, /* reading; writing: FCR */
       FCR = 2,
       LCR = 3,
       MCR = 4,
       LSR = 5,
       DIVISOR_LOW = 0, /* while LCR has DLAB */
       DIVISOR_HIGH = 1,
       MINI_CONTROL = 8, /* the mini-UART's own */
       MINI_BAUD = 10,
};

enum {
    IER_RX = 1 << 0,
    IER_TX = 1 << 1,
    IER_LINE = 1 << 2,
    IER_ALL = 0x0f,

    IIR_NONE = 1 << 0,
    IIR_WHY = 0x0e,
    IIR_WHY_TX = 1 << 1,
    IIR_WHY_RX = 2 << 1,
    IIR_WHY_LINE = 3 << 1,
    IIR_WHY_TIMEOUT = 6 << 1,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 1 << 0,
    FCR_TRIGGER_8 = 2 << 6, /* of 16: half is free when input is told */

    LCR_BITS = 3, /* data bits - 5 */
    LCR_TWO_STOPS = 1 << 2,
    LCR_PARITY = 1 << 3,
    LCR_EVEN = 1 << 4,
    LCR_STICK = 1 << 5,
    LCR_BREAK = 1 << 6,
    LCR_DLAB = 1 << 7,

    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT2 = 1 << 3, /* on a PC: the interrupt's gate */
    MCR_LOOP = 1 << 4,
    MCR_FLOW = 1 << 5,

    LSR_DATA = 1 << 0,
    LSR_OVERRUN = 1 << 1,
    LSR_PARITY = 1 << 2,
    LSR_FRAMING = 1 << 3,
    LSR_BREAK = 1 << 4,
    LSR_TX_ROOM = 1 << 5, /* 16550: the FIFO is empty; mini-UART: not full */
    LSR_TX_IDLE = 1 << 6,
    LSR_OF_BYTE = LSR_PARITY | LSR_FRAMING | LSR_BREAK,

    MINI_CONTROL_RX = 1 << 0,
    MINI_CONTROL_TX = 1 << 1,
    MINI_CONTROL_RTS_FLOW = 1 << 2,
    MINI_CONTROL_CTS_FLOW = 1 << 3,
    MINI_CONTROL_ON = MINI_CONTROL_RX | MINI_CONTROL_TX,
    MINI_CONTROL_FLOW = MINI_CONTROL_RTS_FLOW | MINI_CONTROL_CTS_FLOW,
};

enum { AUX_ENABLES = 0x04, AUX_ENABLE_UART = 1 << 0 };

struct ns16550_kind {
    const char *name;
    uint8_t interrupts; /* bits of IER that are always set while any is */
    /* The bits of LSR that exist. */
    uint8_t line_status;
};

uint32_t ns16550_read(struct ns16550 *u, unsigned reg);
void ns16550_write(struct ns16550 *u, unsigned reg, uint32_t value);

/* line.c: what the kinds have in common. */
uint8_t line_status(struct ns16550 *u);
/** Turns the FIFO on if nothing moves, as LSR has just told. */
void line_try_fifo(struct ns16550 *u, uint8_t status);
void line_arm(struct ns16550 *u);
void line_stop(struct tty_device *tty);
unsigned line_interrupt(struct tty_device *tty);
bool line_put(struct tty_device *tty, uint8_t byte);
int line_get(struct tty_device *tty);
void line_want_room(struct tty_device *tty, bool wanted);
void line_hold_input(struct tty_device *tty, bool held);
bool line_is_drained(struct tty_device *tty);
void line_set_break(struct tty_device *tty, bool on);

/** Operations that all kinds have in common, to begin a struct tty_device_ops with. */
#define LINE_OPERATIONS                                                                        \
    .stop = line_stop, .interrupt = line_interrupt, .put = line_put, .get = line_get,          \
    .want_room = line_want_room, .hold_input = line_hold_input, .is_drained = line_is_drained, \
    .set_break = line_set_break

/** wanted settings were refused with `why`: says so in the log. */
void line_log_refusal(struct ns16550 *u, const struct tty_settings *wanted, kern_return_t why);
