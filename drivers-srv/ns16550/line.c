/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8250's family: bytes and interrupts.
 *
 * N1 Reading LSR clears its error bits, and IIR that of the transmitter. So both are read in one place each, and what they told is
 *    kept: errors for the byte they belong to, which is the one read next.
 * N2 A 16550 whose FIFO is empty (LSR_TX_ROOM) takes as many bytes as the FIFO is deep without being asked in between; so does no
 *    other kind, for which `fifo` is 1.
 * N3 The transmitter's interrupt is on only while a refused byte waits. Some chips do not raise it when it is turned on with the
 *    FIFO empty already: therefore put() is tried again after that (tty_device.h, want_room).
 */
#include "ns16550_registers.h"

/* Reasons that IIR may give in a row before we believe that it gives them for ever. */
enum { REASONS_AT_ONCE = 8, GHOSTS = 4 };

static struct ns16550 *of(struct tty_device *tty)
{
    return (struct ns16550 *)tty;
}

uint32_t ns16550_read(struct ns16550 *u, unsigned reg)
{
    const struct registers *r = &u->tty.registers;
    uint32_t offset = reg << u->shift;

    switch (u->width) {
    case 1: return register_read8(r, offset);
    case 2: return register_read16(r, offset);
    default: return register_read32(r, offset);
    }
}

void ns16550_write(struct ns16550 *u, unsigned reg, uint32_t value)
{
    const struct registers *r = &u->tty.registers;
    uint32_t offset = reg << u->shift;

    switch (u->width) {
    case 1: register_write8(r, offset, (uint8_t)value); break;
    case 2: register_write16(r, offset, (uint16_t)value); break;
    default: register_write32(r, offset, value); break;
    }
}

uint8_t line_status(struct ns16550 *u)
{
    uint8_t status = (uint8_t)ns16550_read(u, LSR) & u->kind->line_status;

    if (status & LSR_OVERRUN)
        u->tty.statistics.overruns++;
    u->errors |= status & LSR_OF_BYTE;
    return status;
}

static void set_interrupts(struct ns16550 *u, unsigned interrupts)
{
    if (interrupts != u->interrupts)
        ns16550_write(u, IER, interrupts ? interrupts | u->kind->interrupts : 0);
    u->interrupts = (uint8_t)interrupts;
}

/* A receive timeout with no byte there is cleared by reading one, on chips that get this wrong; but not at once, for a byte may
 * come between the two reads. */
static void clear_ghost(struct ns16550 *u, uint8_t status)
{
    if (status & LSR_DATA) {
        u->ghosts = 0;
    } else if (++u->ghosts >= GHOSTS) {
        u->ghosts = 0;
        (void)ns16550_read(u, DATA);
    }
}

static unsigned event_of(struct ns16550 *u, uint32_t why)
{
    switch (why & IIR_WHY) {
    case IIR_WHY_TX: set_interrupts(u, u->interrupts & ~(unsigned)IER_TX); return TTY_EVENT_ROOM;
    case IIR_WHY_TIMEOUT: clear_ghost(u, line_status(u)); return TTY_EVENT_INPUT;
    case IIR_WHY_RX: return TTY_EVENT_INPUT;
    case IIR_WHY_LINE: (void)line_status(u); return TTY_EVENT_ERROR | TTY_EVENT_INPUT;
    default: return TTY_EVENT_ERROR;
    }
}

unsigned line_interrupt(struct tty_device *tty)
{
    struct ns16550 *u = of(tty);
    unsigned events = 0;

    for (unsigned n = 0; n < REASONS_AT_ONCE; n++) {
        uint32_t why = ns16550_read(u, IIR);
        unsigned event;

        if (why & IIR_NONE)
            break;
        event = event_of(u, why);
        if ((events & event) == event) /* the same again: it waits for the server */
            break;
        events |= event;
    }
    return events;
}

/* Reading IIR may take back the transmitter's reason: not to be done while that is waited for. */
void line_try_fifo(struct ns16550 *u, uint8_t status)
{
    if (status & LSR_DATA || !(status & LSR_TX_IDLE))
        return;
    u->fifo_untried = false;
    ns16550_write(u, FCR, FCR_ENABLE | FCR_TRIGGER_8);
    if ((ns16550_read(u, IIR) & IIR_FIFOS) == IIR_FIFOS)
        u->fifo =
            u->fifo_depth; /* else an 8250, a 16450, or a 16550 whose FIFO is known not to work */
}

bool line_put(struct tty_device *tty, uint8_t byte)
{
    struct ns16550 *u = of(tty);

    if (u->room == 0) {
        uint8_t status = line_status(u);
        if (!(status & LSR_TX_ROOM))
            return false;
        if (u->fifo_untried)
            line_try_fifo(u, status);
        u->room = u->fifo;
    }
    u->room--;
    ns16550_write(u, DATA, byte);
    return true;
}

static int marks_of(uint8_t errors)
{
    return (errors & LSR_FRAMING ? TTY_FRAMING_ERROR : 0) |
           (errors & LSR_PARITY ? TTY_PARITY_ERROR : 0) | (errors & LSR_BREAK ? TTY_BREAK : 0);
}

int line_get(struct tty_device *tty)
{
    struct ns16550 *u = of(tty);
    int marks;

    if (!(line_status(u) & LSR_DATA))
        return TTY_NOTHING;
    marks = marks_of(u->errors);
    u->errors = 0;
    return (int)(ns16550_read(u, DATA) & 0xff) | marks;
}

void line_want_room(struct tty_device *tty, bool wanted)
{
    struct ns16550 *u = of(tty);

    set_interrupts(u, wanted ? u->interrupts | IER_TX : u->interrupts & ~(unsigned)IER_TX);
}

void line_hold_input(struct tty_device *tty, bool held)
{
    struct ns16550 *u = of(tty);

    if (held == u->held)
        return;
    u->held = held;
    set_interrupts(u, held ? u->interrupts & ~(unsigned)(IER_RX | IER_LINE)
                           : u->interrupts | IER_RX | IER_LINE);
}

bool line_is_drained(struct tty_device *tty)
{
    return line_status(of(tty)) & LSR_TX_IDLE;
}

void line_set_break(struct tty_device *tty, bool on)
{
    struct ns16550 *u = of(tty);
    uint32_t format = ns16550_read(u, LCR);

    ns16550_write(u, LCR, on ? format | LCR_BREAK : format & ~(uint32_t)LCR_BREAK);
}

void line_stop(struct tty_device *tty)
{
    struct ns16550 *u = of(tty);

    u->interrupts = 0;
    ns16550_write(u, IER, 0);
}

void line_arm(struct ns16550 *u)
{
    u->held = false;
    u->room = 0;
    u->interrupts = 0;
    set_interrupts(u, IER_RX | IER_LINE);
}

void line_log_refusal(struct ns16550 *u, const struct tty_settings *wanted, kern_return_t why)
{
    device_log(u->tty.environment,
               "%s: no %u baud with a clock of %llu Hz: error %d, rate and format stay",
               u->kind->name, wanted->baud, (unsigned long long)u->tty.clock, (int)why);
}
