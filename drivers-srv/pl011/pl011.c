/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL011: bytes and interrupts.
 *
 * P1 The receive interrupts are never cleared by ICR: they go away when the FIFO is read. One that was cleared with bytes in the
 *    FIFO would not come again before more of them arrive (the level is compared as a byte goes in; QEMU does the same).
 * P2 The transmit interrupt tells that the FIFO has drained *through* its trigger level, which needs a FIFO that was above it. It
 *    is unmasked only after the FIFO was seen full, and masked when it comes; ICR never clears it, for it could have become true
 *    a moment before. One that comes for nothing does no harm.
 * P3 The flag of an overrun in DR stays until a byte finds room, so bytes do not tell how often it happened; the interrupt's raw
 *    state does, and is cleared as it is counted.
 */
#include "pl011_registers.h"

static struct pl011 *of(struct tty_device *tty)
{
    return (struct pl011 *)tty;
}

static void set_mask(struct pl011 *u, uint32_t mask)
{
    if (mask != u->mask)
        pl011_write(u, IMSC, mask);
    u->mask = mask;
}

static bool count_overrun(struct pl011 *u)
{
    if (!(pl011_read(u, RIS) & INT_OVERRUN))
        return false;
    pl011_write(u, ICR, INT_OVERRUN);
    u->tty.statistics.overruns++;
    return true;
}

static unsigned pl011_interrupt(struct tty_device *tty)
{
    struct pl011 *u = of(tty);
    uint32_t why = pl011_read(u, MIS) & u->mask;
    unsigned events = 0;

    if (why & INT_TX) {
        set_mask(u, u->mask & ~(uint32_t)INT_TX);
        events |= TTY_EVENT_ROOM;
    }
    if (why & INT_INPUT)
        events |= TTY_EVENT_INPUT;
    if (why & INT_OVERRUN && count_overrun(u))
        events |= TTY_EVENT_ERROR;
    return events;
}

static bool pl011_put(struct tty_device *tty, uint8_t byte)
{
    struct pl011 *u = of(tty);

    if (pl011_read(u, FR) & FR_TX_FULL)
        return false;
    pl011_write(u, DR, byte);
    return true;
}

static int pl011_get(struct tty_device *tty)
{
    struct pl011 *u = of(tty);
    int early = u->early;

    if (early != TTY_NOTHING) {
        u->early = TTY_NOTHING;
        return early;
    }
    if (pl011_read(u, FR) & FR_RX_EMPTY)
        return TTY_NOTHING;
    /* The device's bits for errors are ours. */
    return (int)(pl011_read(u, DR) & (0xff | DR_FRAMING | DR_PARITY | DR_BREAK));
}
_Static_assert(DR_FRAMING == (int)TTY_FRAMING_ERROR && DR_PARITY == (int)TTY_PARITY_ERROR &&
               DR_BREAK == (int)TTY_BREAK);

static void pl011_want_room(struct tty_device *tty, bool wanted)
{
    struct pl011 *u = of(tty);

    set_mask(u, wanted ? u->mask | INT_TX : u->mask & ~(uint32_t)INT_TX);
}

static void pl011_hold_input(struct tty_device *tty, bool held)
{
    struct pl011 *u = of(tty);

    if (held == u->held)
        return;
    u->held = held;
    if (!held)
        count_overrun(u);
    set_mask(u, held ? u->mask & ~(uint32_t)(INT_INPUT | INT_OVERRUN)
                     : u->mask | INT_INPUT | INT_OVERRUN);
}

static bool pl011_is_drained(struct tty_device *tty)
{
    return !(pl011_read(of(tty), FR) & FR_BUSY);
}

static void pl011_stop(struct tty_device *tty)
{
    struct pl011 *u = of(tty);

    u->mask = 0;
    pl011_write(u, IMSC, 0);
}

static const struct tty_device_ops ops = {
    .start = pl011_start,
    .stop = pl011_stop,
    .interrupt = pl011_interrupt,
    .put = pl011_put,
    .get = pl011_get,
    .want_room = pl011_want_room,
    .hold_input = pl011_hold_input,
    .is_drained = pl011_is_drained,
    .set_settings = pl011_set_settings,
    .set_break = pl011_set_break,
    .set_clock = pl011_set_clock,
};

void pl011_init(struct pl011 *uart, const struct device_environment *environment,
                struct registers registers, uint64_t clock)
{
    *uart = (struct pl011){
        .tty = {.ops = &ops,
                .environment = environment,
                .settings = TTY_UNKNOWN_SETTINGS,
                .registers = registers,
                .clock = clock},
        .early = TTY_NOTHING,
    };
}
