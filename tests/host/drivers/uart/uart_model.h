/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the models of UARTs have in common: two FIFOs, a shift register, and whoever is at the other end of the wires. A byte
 * takes ten bits of the rate the registers make of the clock; without a divisor nothing moves.
 */
#pragma once

#include "../stage/stage.h"

enum { UART_DEEPEST = 64, WIRE_BYTES = 1 << 16 };

struct uart_fifo {
    uint16_t entries[UART_DEEPEST]; /* a byte, and the model's marks */
    unsigned first, count, depth;
};

struct uart_wires {
    struct uart_fifo tx, rx;
    uint64_t now;
    uint64_t byte_time;  /* ns; 0: nothing moves */
    int shifting;        /* the byte that is being sent, or -1 */
    uint64_t shift_ends; /* when it has been */
    bool tx_on, rx_on;
    bool cts_stops; /* the other end does not want any, and the device looks at that */
    bool lenient;   /* reads were false: what the driver writes upon that may be wrong */
    bool stuck;     /* the shift register never ends */
    /* What went out. */
    uint8_t *sent;
    uint32_t sent_count;
    /* What comes in: the script, at the device's own rate; marks as the model defines them. */
    const uint16_t *script;
    uint32_t script_count, script_at;
    uint64_t script_next; /* when the next byte has arrived */
    bool rts_stops;       /* the other end waits: the device says so, and it looks */
    uint64_t last_rx;     /* when the last byte came in */
    uint32_t overruns;
    uint32_t emptied; /* bytes lost by emptying FIFOs */
    uint32_t torn;    /* bytes on the line, or in the FIFO, while rate or format changed */
};

/** A byte left the transmit FIFO, a byte came in (or did not fit): for the model's interrupts. */
struct uart_events {
    void (*left)(void *model);
    void (*came)(void *model, bool fitted);
};

void uart_pass(struct uart_wires *w, void *model, const struct uart_events *events, uint64_t now);
uint64_t uart_next(const struct uart_wires *w);
bool uart_push(struct uart_fifo *fifo, uint16_t entry);
uint16_t uart_pop(struct uart_fifo *fifo); /* not from an empty one */

/** The rate changed. */
void uart_set_rate(struct uart_wires *w, uint64_t baud);

/** One kind of UART under test. */
struct uart_kind {
    const char *name;
    const struct stage_device *device;
    struct tty_device *(*create)(struct stage *stage,
                                 uint64_t clock);  /* a new instance of the logic */
    void (*power_on)(void *model, bool set_going); /* by firmware: 115200 8N1 */
    struct uart_wires *(*wires)(void *model);
    void *(*model)(void);
    uint64_t clock;
    uint32_t (*divisor)(void *model);
    unsigned most_at_once;            /* of a FIFO */
    bool has_errors;                  /* marks parity, framing, break */
    uint16_t framing, parity, broken; /* marks in script entries */
};

extern const struct uart_kind pl011_kind, ns16550_kind_under_test, plain_8250_kind, mini_uart_kind;
