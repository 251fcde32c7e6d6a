/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UARTs of the 8250's family as serial lines: 8250, 16450, 16550A and what calls itself so, and the BCM2835's mini-UART, which
 * has the family's registers but for the divisor. What is common: line.c; registers: ns16550_registers.h.
 */
#pragma once

#include <libsys/driver/tty_device.h>

struct ns16550 {
    struct tty_device tty; /* first: the ops get this */
    const struct ns16550_kind *kind;
    unsigned shift; /* a register's offset is its number << shift */
    unsigned width; /* bytes of an access: 1, 2 or 4 */
    unsigned fifo;  /* depth of the transmit FIFO that is relied on: 1 until it is known to be on */
    unsigned fifo_depth;  /* what it is then */
    bool fifo_untried;    /* it was found off, and can be turned on only while nothing moves (N5) */
    unsigned room;        /* bytes it takes without being asked again */
    uint8_t interrupts;   /* IER, as last written, but for the kind's fixed bits */
    uint8_t errors;       /* LSR's bits for the byte that is read next: reading LSR clears them */
    uint8_t ghosts;       /* receive timeouts in a row without a byte */
    bool held;            /* input is held */
    bool auto_flow;       /* the tree says that MCR has flow control */
    struct registers aux; /* mini-UART: the AUX block */
    bool has_aux;
};

/** What the device tree says of one. Zeros: what the binding takes where nothing is said. */
struct ns16550_layout {
    uint32_t reg_shift;    /* 0..4 */
    uint32_t reg_io_width; /* 0 (1), 1, 2 or 4 */
    uint32_t fifo_size;    /* 0: 16 where there is a FIFO */
    bool auto_flow_control;
};

/** clock: hertz that the divisor divides, 0: unknown. KERN_INVALID_ARGUMENT: no such layout. No register is touched before
 *  ops->start(). */
kern_return_t ns16550_init(struct ns16550 *uart, const struct device_environment *environment,
                           struct registers registers, const struct ns16550_layout *layout,
                           uint64_t clock);

/** clock: hertz of the core clock, 0: unknown. aux: the AUX block, which has the bit that turns the registers on; NULL: out of
 *  reach, and on already. */
void mini_uart_init(struct ns16550 *uart, const struct device_environment *environment,
                    struct registers registers, const struct registers *aux, uint64_t clock);
