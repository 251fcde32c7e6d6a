/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8250, 16450 and 16550A: taking them over, rates and formats.
 *
 * N4 LCR.DLAB turns DATA and IER into the divisor: it is set only here, for one reading or writing of it. A driver that ends in
 *    between leaves it set: start() clears it before anything else, and takes the divisor for half written.
 * N5 FCR is written with the bits that empty the FIFOs clear. Turning the FIFO on empties it all the same, so that is done only
 *    while nothing moves: waiting for that would lose input on a chip that holds a single byte.
 * N6 The divisor is touched only if the clock is known and the rate it makes is another than the wanted one.
 */
#include "ns16550_registers.h"

static struct ns16550 *of(struct tty_device *tty)
{
    return (struct ns16550 *)tty;
}

static uint32_t divisor_found(struct ns16550 *u)
{
    uint32_t format = ns16550_read(u, LCR) & 0xff, divisor;

    ns16550_write(u, LCR, format | LCR_DLAB);
    divisor = (ns16550_read(u, DIVISOR_LOW) & 0xff) | (ns16550_read(u, DIVISOR_HIGH) & 0xff) << 8;
    ns16550_write(u, LCR, format & ~(uint32_t)LCR_DLAB);
    return divisor;
}

static void write_divisor(struct ns16550 *u, uint32_t format, uint32_t divisor)
{
    ns16550_write(u, LCR, format | LCR_DLAB);
    ns16550_write(u, DIVISOR_LOW, divisor & 0xff);
    ns16550_write(u, DIVISOR_HIGH, divisor >> 8);
    ns16550_write(u, LCR, format);
}

static uint64_t rate_of(uint64_t clock, uint32_t divisor)
{
    return divisor ? (clock + 8 * (uint64_t)divisor) / (16 * (uint64_t)divisor) : 0;
}

static uint32_t format_of(const struct tty_settings *s)
{
    static const uint32_t parity[] = {
        [TTY_PARITY_NONE] = 0,
        [TTY_PARITY_EVEN] = LCR_PARITY | LCR_EVEN,
        [TTY_PARITY_ODD] = LCR_PARITY,
    };

    return (s->data_bits - 5) | (s->stop_bits == 2 ? LCR_TWO_STOPS : 0) | parity[s->parity];
}

static struct tty_settings settings_found(struct ns16550 *u, uint32_t divisor, uint32_t called)
{
    uint32_t format = ns16550_read(u, LCR), parity = TTY_PARITY_NONE;
    uint64_t rate = rate_of(u->tty.clock, divisor);

    if (format & LCR_PARITY)
        parity = format & LCR_EVEN ? TTY_PARITY_EVEN : TTY_PARITY_ODD;
    return (struct tty_settings){
        .baud = rate && rate <= UINT32_MAX ? (uint32_t)rate : called,
        .data_bits = 5 + (format & LCR_BITS),
        .stop_bits = format & LCR_TWO_STOPS ? 2 : 1,
        .parity = parity,
        .flow_control =
            ns16550_read(u, MCR) & MCR_FLOW && u->auto_flow ? TTY_RTS_CTS : TTY_NO_FLOW_CONTROL,
    };
}

/* Divisor to write, 0 if the one that is there does. KERN_NOT_SUPPORTED: none can be had. */
static kern_return_t choose_divisor(struct ns16550 *u, uint32_t found, uint32_t baud, uint32_t *out)
{
    uint64_t clock = u->tty.clock, divisor;

    *out = 0;
    if (clock == 0)
        return found && (u->tty.settings.baud == 0 || u->tty.settings.baud == baud)
                   ? KERN_SUCCESS
                   : KERN_NOT_SUPPORTED;
    if (found && tty_rates_agree(rate_of(clock, found), baud))
        return KERN_SUCCESS;
    divisor = (clock + 8 * (uint64_t)baud) / (16 * (uint64_t)baud);
    if (divisor < 1 || divisor > 0xffff ||
        !tty_rates_agree(rate_of(clock, (uint32_t)divisor), baud))
        return KERN_NOT_SUPPORTED;
    *out = (uint32_t)divisor;
    return KERN_SUCCESS;
}

static kern_return_t set_flow_control(struct ns16550 *u, uint32_t flow_control)
{
    uint32_t control = MCR_DTR | MCR_RTS | MCR_OUT2;

    if (flow_control == TTY_RTS_CTS)
        control |= MCR_FLOW;
    ns16550_write(u, MCR, control);
    return (ns16550_read(u, MCR) & MCR_FLOW) == (control & MCR_FLOW) ? KERN_SUCCESS
                                                                     : KERN_NOT_SUPPORTED;
}

/* The line is drained, or has no divisor. */
static kern_return_t program(struct ns16550 *u, const struct tty_settings *s, uint32_t divisor)
{
    kern_return_t kr = set_flow_control(u, s->flow_control);

    if (kr != KERN_SUCCESS)
        return kr;
    if (divisor)
        write_divisor(u, format_of(s), divisor);
    else
        ns16550_write(u, LCR, format_of(s));
    if ((ns16550_read(u, LCR) & 0xff) != format_of(s))
        return KERN_FAILURE;
    u->tty.settings = *s;
    return KERN_SUCCESS;
}

static kern_return_t change(struct ns16550 *u, const struct tty_settings *settings)
{
    uint32_t found = divisor_found(u), divisor;
    struct tty_settings now = settings_found(u, found, u->tty.settings.baud);
    kern_return_t kr;

    if (!tty_settings_make_sense(settings))
        return KERN_INVALID_ARGUMENT;
    /* Five data bits with LCR's bit for two stops make one and a half. */
    if ((settings->flow_control == TTY_RTS_CTS && !u->auto_flow) ||
        (settings->data_bits == 5 && settings->stop_bits == 2))
        return KERN_NOT_SUPPORTED;
    kr = choose_divisor(u, found, settings->baud, &divisor);
    if (kr != KERN_SUCCESS)
        return kr;
    if (divisor == 0 && tty_same_format(&now, settings)) {
        u->tty.settings = *settings;
        return KERN_SUCCESS;
    }
    /* Without a divisor nothing moves. */
    if (found && !tty_wait_drained(&u->tty))
        return KERN_OPERATION_TIMED_OUT;
    return program(u, settings, divisor);
}

static kern_return_t ns16550_set_settings(struct tty_device *tty,
                                          const struct tty_settings *settings)
{
    return change(of(tty), settings);
}

static void ns16550_set_clock(struct tty_device *tty, uint64_t hertz)
{
    struct ns16550 *u = of(tty);

    tty->clock = hertz;
    tty->settings.baud = settings_found(u, divisor_found(u), hertz ? tty->settings.baud : 0).baud;
}

/* Rate and format: those that are wanted if they can be had, else what is there. */
static kern_return_t settle_settings(struct ns16550 *u, const struct tty_settings *wanted,
                                     bool half_written)
{
    uint32_t divisor = divisor_found(u);
    bool live = divisor != 0 && !half_written;
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;
    kern_return_t kr;

    if (live)
        settings = u->tty.settings = settings_found(u, divisor, 0);
    if (wanted)
        settings = *wanted;
    else if (settings.baud == 0)
        settings.baud = TTY_DEFAULT_SETTINGS.baud;
    kr = change(u, &settings);
    if (kr == KERN_SUCCESS || kr == KERN_FAILURE)
        return kr;
    line_log_refusal(u, &settings, kr);
    if (live)
        return KERN_SUCCESS;
    settings = TTY_DEFAULT_SETTINGS;
    kr = program(u, &settings, 0);
    u->tty.settings.baud = 0;
    return kr;
}

/* FIFOs that are on are left so; others are turned on when nothing moves, now or later (N5). */
static void take_fifo_over(struct ns16550 *u)
{
    u->fifo = 1;
    u->fifo_untried = (ns16550_read(u, IIR) & IIR_FIFOS) != IIR_FIFOS;
    if (u->fifo_untried) {
        line_try_fifo(u, line_status(u));
    } else {
        u->fifo = u->fifo_depth;
        ns16550_write(u, FCR, FCR_ENABLE | FCR_TRIGGER_8);
    }
}

static kern_return_t ns16550_start(struct tty_device *tty, const struct tty_settings *wanted)
{
    struct ns16550 *u = of(tty);
    uint32_t format = ns16550_read(u, LCR) & 0xff;
    bool half_written = format & LCR_DLAB;
    kern_return_t kr;

    /* Also out of a break of a driver that ended within it. */
    ns16550_write(u, LCR, format & ~(uint32_t)(LCR_DLAB | LCR_BREAK | LCR_STICK));
    ns16550_write(u, IER, 0);
    if ((ns16550_read(u, IER) & IER_ALL) != 0 || (ns16550_read(u, LCR) & LCR_DLAB))
        return KERN_FAILURE;
    kr = settle_settings(u, wanted, half_written);
    if (kr != KERN_SUCCESS)
        return kr;
    take_fifo_over(u);
    ns16550_write(u, MCR, (ns16550_read(u, MCR) & MCR_FLOW) | MCR_DTR | MCR_RTS | MCR_OUT2);
    line_arm(u);
    if ((ns16550_read(u, IER) & IER_ALL) != u->interrupts)
        return KERN_FAILURE;
    return KERN_SUCCESS;
}

static const struct tty_device_ops ops = {
    LINE_OPERATIONS,
    .start = ns16550_start,
    .set_settings = ns16550_set_settings,
    .set_clock = ns16550_set_clock,
};

static const struct ns16550_kind kind = {.name = "ns16550", .line_status = 0x7f};

kern_return_t ns16550_init(struct ns16550 *uart, const struct device_environment *environment,
                           struct registers registers, const struct ns16550_layout *layout,
                           uint64_t clock)
{
    unsigned width = layout->reg_io_width ? layout->reg_io_width : 1;

    if (layout->reg_shift > 4 || (width != 1 && width != 2 && width != 4) ||
        width > 1u << layout->reg_shift || layout->fifo_size > 256 || clock >> 40)
        return KERN_INVALID_ARGUMENT;
    *uart = (struct ns16550){
        .tty = {.ops = &ops,
                .environment = environment,
                .settings = TTY_UNKNOWN_SETTINGS,
                .registers = registers,
                .clock = clock},
        .kind = &kind,
        .shift = layout->reg_shift,
        .width = width,
        .fifo_depth = layout->fifo_size ? layout->fifo_size : 16,
        .auto_flow = layout->auto_flow_control,
    };
    return KERN_SUCCESS;
}
