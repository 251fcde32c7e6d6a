/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mini-UART of the BCM2835 and its successors: taking it over, rates and formats. Eight data bits or seven, one stop bit, no
 * parity; it tells overruns, but neither wrong frames nor breaks.
 *
 * M1 Its registers are dead until AUX_ENABLES says otherwise. That register is shared with two SPI masters: only our bit changes.
 * M2 The rate is core clock / (8 * (BAUD + 1)), and the core clock is the firmware's. BAUD is touched only if the clock is known
 *    and the rate it makes is another than the wanted one.
 * M3 IER's bits 3:2 are wanted with the receive interrupt (errata). Bits 2:1 of FCR, which empty the FIFOs, are never written.
 */
#include "ns16550_registers.h"

static struct ns16550 *of(struct tty_device *tty)
{
    return (struct ns16550 *)tty;
}

static uint64_t rate_of(uint64_t clock, uint32_t baud_register)
{
    uint64_t divisor = 8 * ((uint64_t)baud_register + 1);
    return (clock + divisor / 2) / divisor;
}

static uint32_t format_of(const struct tty_settings *s)
{
    return s->data_bits == 8 ? 3 : 0; /* the manual has bit 0 only; the chip wants both (errata) */
}

static struct tty_settings settings_found(struct ns16550 *u, uint32_t called)
{
    uint64_t rate = rate_of(u->tty.clock, ns16550_read(u, MINI_BAUD) & 0xffff);
    bool flow = (ns16550_read(u, MINI_CONTROL) & MINI_CONTROL_FLOW) == MINI_CONTROL_FLOW;

    return (struct tty_settings){
        .baud = rate && rate <= UINT32_MAX ? (uint32_t)rate : called,
        .data_bits = ns16550_read(u, LCR) & 1 ? 8 : 7,
        .stop_bits = 1,
        .parity = TTY_PARITY_NONE,
        .flow_control = flow ? TTY_RTS_CTS : TTY_NO_FLOW_CONTROL,
    };
}

/* Value for BAUD, or UINT32_MAX if the one that is there does. KERN_NOT_SUPPORTED: none can be had. */
static kern_return_t choose_rate(struct ns16550 *u, uint32_t baud, uint32_t *out)
{
    uint64_t clock = u->tty.clock, divisor;

    *out = UINT32_MAX;
    if (clock == 0)
        return ns16550_read(u, MINI_BAUD) & 0xffff &&
                       (u->tty.settings.baud == 0 || u->tty.settings.baud == baud)
                   ? KERN_SUCCESS
                   : KERN_NOT_SUPPORTED;
    if (tty_rates_agree(rate_of(clock, ns16550_read(u, MINI_BAUD) & 0xffff), baud))
        return KERN_SUCCESS;
    divisor = (clock + 4 * (uint64_t)baud) / (8 * (uint64_t)baud);
    if (divisor < 1 || divisor > 0x10000 ||
        !tty_rates_agree(rate_of(clock, (uint32_t)(divisor - 1)), baud))
        return KERN_NOT_SUPPORTED;
    *out = (uint32_t)(divisor - 1);
    return KERN_SUCCESS;
}

static kern_return_t program(struct ns16550 *u, const struct tty_settings *s, uint32_t rate)
{
    uint32_t control = MINI_CONTROL_ON;

    if (s->flow_control == TTY_RTS_CTS)
        control |= MINI_CONTROL_FLOW;
    if (rate != UINT32_MAX)
        ns16550_write(u, MINI_BAUD, rate);
    ns16550_write(u, LCR, format_of(s));
    ns16550_write(u, MINI_CONTROL, control);
    u->tty.settings = *s;
    return KERN_SUCCESS;
}

static kern_return_t mini_set_settings(struct tty_device *tty, const struct tty_settings *settings)
{
    struct ns16550 *u = of(tty);
    struct tty_settings now = settings_found(u, tty->settings.baud);
    uint32_t rate;
    kern_return_t kr;

    if (!tty_settings_make_sense(settings))
        return KERN_INVALID_ARGUMENT;
    if (settings->data_bits < 7 || settings->stop_bits != 1 || settings->parity != TTY_PARITY_NONE)
        return KERN_NOT_SUPPORTED;
    kr = choose_rate(u, settings->baud, &rate);
    if (kr != KERN_SUCCESS)
        return kr;
    if (rate == UINT32_MAX && tty_same_format(&now, settings)) {
        tty->settings = *settings;
        return KERN_SUCCESS;
    }
    if (!tty_wait_drained(tty))
        return KERN_OPERATION_TIMED_OUT;
    return program(u, settings, rate);
}

static void mini_set_clock(struct tty_device *tty, uint64_t hertz)
{
    tty->clock = hertz;
    tty->settings.baud = settings_found(of(tty), hertz ? tty->settings.baud : 0).baud;
}

/* M1. False: the bit does not stick. */
static bool turn_on(struct ns16550 *u)
{
    uint32_t enables;

    if (!u->has_aux)
        return true;
    enables = register_read32(&u->aux, AUX_ENABLES);
    if (!(enables & AUX_ENABLE_UART)) {
        register_write32(&u->aux, AUX_ENABLES, (enables & 7) | AUX_ENABLE_UART);
        registers_settle();
        enables = register_read32(&u->aux, AUX_ENABLES);
    }
    return enables & AUX_ENABLE_UART && !(enables & ~7u);
}

/* Somebody has set it going. */
static bool is_live(struct ns16550 *u)
{
    return ns16550_read(u, MINI_CONTROL) & MINI_CONTROL_ON && ns16550_read(u, MINI_BAUD) & 0xffff;
}

static kern_return_t mini_start(struct tty_device *tty, const struct tty_settings *wanted)
{
    struct ns16550 *u = of(tty);
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;
    kern_return_t kr;

    if (!turn_on(u))
        return KERN_FAILURE;
    ns16550_write(u, IER, 0);
    if ((ns16550_read(u, IER) & (IER_RX | IER_TX)) != 0)
        return KERN_FAILURE;
    /* Also out of a break of a driver that ended within it, and away from the divisor that DLAB shows. */
    ns16550_write(u, LCR, ns16550_read(u, LCR) & 1 ? 3 : 0);
    if (is_live(u))
        settings = tty->settings = settings_found(u, 0);
    if (wanted)
        settings = *wanted;
    else if (settings.baud == 0)
        settings.baud = TTY_DEFAULT_SETTINGS.baud;
    kr = mini_set_settings(tty, &settings);
    if (kr != KERN_SUCCESS)
        line_log_refusal(u, &settings, kr);
    if (kr != KERN_SUCCESS && !is_live(u)) {
        settings = TTY_DEFAULT_SETTINGS;
        kr = program(u, &settings, UINT32_MAX);
        if (kr != KERN_SUCCESS)
            return kr;
        tty->settings.baud = 0;
    }
    ns16550_write(u, MINI_CONTROL, ns16550_read(u, MINI_CONTROL) | MINI_CONTROL_ON);
    line_arm(u);
    if ((ns16550_read(u, IER) & (IER_RX | IER_TX)) != IER_RX)
        return KERN_FAILURE;
    return KERN_SUCCESS;
}

static const struct tty_device_ops ops = {
    LINE_OPERATIONS,
    .start = mini_start,
    .set_settings = mini_set_settings,
    .set_clock = mini_set_clock,
};

static const struct ns16550_kind kind = {
    .name = "mini-UART",
    .interrupts = 3 << 2,
    .line_status = LSR_DATA | LSR_OVERRUN | LSR_TX_ROOM | LSR_TX_IDLE,
};

void mini_uart_init(struct ns16550 *uart, const struct device_environment *environment,
                    struct registers registers, const struct registers *aux, uint64_t clock)
{
    *uart = (struct ns16550){
        .tty = {.ops = &ops,
                .environment = environment,
                .settings = TTY_UNKNOWN_SETTINGS,
                .registers = registers,
                .clock = clock >> 40 ? 0 : clock},
        .kind = &kind,
        .shift = 2,
        .width = 4,
        .fifo = 1,
        .has_aux = aux != NULL,
    };
    if (aux)
        uart->aux = *aux;
}
