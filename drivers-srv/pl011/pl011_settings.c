/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL011: taking it over, rates and formats.
 *
 * P4 Rate and format are changed only while the device is off, and it is turned off only when nothing is in its transmit FIFO or
 *    on the line. A driver that ends in between leaves a device that is off; whoever starts it then sets all of it.
 * P5 LCRH.FEN, once set, stays: clearing it empties the FIFOs. Where it is found clear, the one byte that may have come in is
 *    kept before it is set.
 * P6 The divisor is touched only if the clock is known, and the rate it makes is another than the wanted one. Firmware knows the
 *    clock better than we do: what it set going stays.
 */
#include "pl011_registers.h"

static bool is_live(struct pl011 *u)
{
    return pl011_read(u, CR) & CR_ENABLE && pl011_read(u, IBRD) & 0xffff;
}

/* Divisor in 64ths: clock / (16 * baud) with 6 fraction bits, rounded; 0: it does not fit. */
static uint32_t divisor_for(uint64_t clock, uint32_t baud)
{
    uint64_t divisor = (clock * 4 + baud / 2) / baud;

    return clock < UINT64_C(1) << 40 && divisor >= 1 << 6 && divisor <= 0xffff << 6
               ? (uint32_t)divisor
               : 0;
}

static uint64_t rate_of(uint64_t clock, uint32_t divisor)
{
    return divisor && clock < UINT64_C(1) << 40 ? (clock * 4 + divisor / 2) / divisor : 0;
}

static uint32_t divisor_found(struct pl011 *u)
{
    return (pl011_read(u, IBRD) & 0xffff) << 6 | (pl011_read(u, FBRD) & 0x3f);
}

static uint32_t format_of(const struct tty_settings *s)
{
    static const uint32_t parity[] = {
        [TTY_PARITY_NONE] = 0,
        [TTY_PARITY_EVEN] = LCRH_PARITY | LCRH_EVEN,
        [TTY_PARITY_ODD] = LCRH_PARITY,
    };

    return parity[s->parity] | (s->stop_bits == 2 ? LCRH_TWO_STOPS : 0) |
           (s->data_bits - 5) << LCRH_BITS;
}

/* How the device stands; the rate is what its divisor makes, or what it was called so far. */
static struct tty_settings settings_found(struct pl011 *u, uint32_t called)
{
    uint32_t format = pl011_read(u, LCRH), parity = TTY_PARITY_NONE;
    uint64_t rate = rate_of(u->tty.clock, divisor_found(u));

    if (format & LCRH_PARITY)
        parity = format & LCRH_EVEN ? TTY_PARITY_EVEN : TTY_PARITY_ODD;
    return (struct tty_settings){
        .baud = rate && rate <= UINT32_MAX ? (uint32_t)rate : called,
        .data_bits = 5 + (format >> LCRH_BITS & 3),
        .stop_bits = format & LCRH_TWO_STOPS ? 2 : 1,
        .parity = parity,
        .flow_control =
            (pl011_read(u, CR) & CR_FLOW) == CR_FLOW ? TTY_RTS_CTS : TTY_NO_FLOW_CONTROL,
    };
}

/* Off, all of it set, on. The line is drained, or was off (P4). divisor 0: it stays. */
static kern_return_t program(struct pl011 *u, const struct tty_settings *s, uint32_t divisor)
{
    uint32_t control = pl011_read(u, CR) & (CR_DTR | CR_RTS);

    pl011_write(u, CR, control);
    if (!(pl011_read(u, LCRH) & LCRH_FIFO) && !(pl011_read(u, FR) & FR_RX_EMPTY))
        u->early = (int)(pl011_read(u, DR) & 0xff);
    if (divisor) {
        pl011_write(u, IBRD, divisor >> 6);
        pl011_write(u, FBRD, divisor & 0x3f);
    }
    pl011_write(u, LCRH, format_of(s) | LCRH_FIFO);
    if (s->flow_control == TTY_RTS_CTS)
        control |= CR_FLOW | CR_RTS;
    pl011_write(u, CR, control | CR_ON);
    if ((pl011_read(u, CR) & (CR_ON | CR_FLOW | CR_LOOP)) != (CR_ON | (control & CR_FLOW)) ||
        (pl011_read(u, LCRH) & (LCRH_FIFO | LCRH_FORMAT)) != (format_of(s) | LCRH_FIFO))
        return KERN_FAILURE;
    u->tty.settings = *s;
    return KERN_SUCCESS;
}

/* The divisor to write: 0 if the one that is there does. KERN_NOT_SUPPORTED: none can be had. */
static kern_return_t choose_divisor(struct pl011 *u, uint32_t baud, uint32_t *out)
{
    uint32_t found = divisor_found(u), divisor;
    uint64_t clock = u->tty.clock;

    *out = 0;
    if (clock == 0) /* who says so believes it to run at that; nobody can say otherwise */
        return found && (u->tty.settings.baud == 0 || u->tty.settings.baud == baud)
                   ? KERN_SUCCESS
                   : KERN_NOT_SUPPORTED;
    if (found >= 1 << 6 && tty_rates_agree(rate_of(clock, found), baud))
        return KERN_SUCCESS;
    divisor = divisor_for(clock, baud);
    if (!divisor || !tty_rates_agree(rate_of(clock, divisor), baud))
        return KERN_NOT_SUPPORTED;
    *out = divisor;
    return KERN_SUCCESS;
}

kern_return_t pl011_set_settings(struct tty_device *tty, const struct tty_settings *settings)
{
    struct pl011 *u = (struct pl011 *)tty;
    struct tty_settings found = settings_found(u, tty->settings.baud);
    bool fifo = pl011_read(u, LCRH) & LCRH_FIFO;
    uint32_t divisor;
    kern_return_t kr;

    if (!tty_settings_make_sense(settings))
        return KERN_INVALID_ARGUMENT;
    kr = choose_divisor(u, settings->baud, &divisor);
    if (kr != KERN_SUCCESS)
        return kr;
    if (divisor == 0 && fifo && is_live(u) && tty_same_format(&found, settings)) {
        tty->settings = *settings;
        return KERN_SUCCESS;
    }
    if (is_live(u) && !tty_wait_drained(tty))
        return KERN_OPERATION_TIMED_OUT;
    return program(u, settings, divisor);
}

void pl011_set_break(struct tty_device *tty, bool on)
{
    struct pl011 *u = (struct pl011 *)tty;
    uint32_t value = pl011_read(u, LCRH);

    pl011_write(u, LCRH, on ? value | LCRH_BREAK : value & ~(uint32_t)LCRH_BREAK);
}

void pl011_set_clock(struct tty_device *tty, uint64_t hertz)
{
    tty->clock = hertz;
    tty->settings.baud = settings_found((struct pl011 *)tty, hertz ? tty->settings.baud : 0).baud;
}

/* Flags that deny each other: nothing is there, or not this. */
static bool is_absent(struct pl011 *u)
{
    uint32_t flags = pl011_read(u, FR);

    return (flags & (FR_TX_FULL | FR_TX_EMPTY)) == (FR_TX_FULL | FR_TX_EMPTY) ||
           (flags & (FR_RX_FULL | FR_RX_EMPTY)) == (FR_RX_FULL | FR_RX_EMPTY);
}

/* Rate and format: those that are wanted if they can be had, else what is there; a line that is off is set to something. */
static kern_return_t settle_settings(struct pl011 *u, const struct tty_settings *wanted)
{
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;
    kern_return_t kr;

    if (is_live(u)) {
        settings = settings_found(u, 0);
        u->tty.settings = settings;
    }
    if (wanted)
        settings = *wanted;
    else if (settings.baud == 0)
        settings.baud = TTY_DEFAULT_SETTINGS.baud;
    kr = pl011_set_settings(&u->tty, &settings);
    if (kr == KERN_SUCCESS || kr == KERN_FAILURE)
        return kr;
    device_log(u->tty.environment,
               "pl011: no %u baud with a clock of %llu Hz: error %d, rate and format stay",
               settings.baud, (unsigned long long)u->tty.clock, (int)kr);
    if (is_live(u))
        return KERN_SUCCESS;
    settings = TTY_DEFAULT_SETTINGS;
    kr = program(u, &settings, 0);
    u->tty.settings.baud = 0;
    return kr;
}

kern_return_t pl011_start(struct tty_device *tty, const struct tty_settings *wanted)
{
    struct pl011 *u = (struct pl011 *)tty;
    kern_return_t kr;

    pl011_write(u, IMSC, 0);
    pl011_write(u, DMACR, 0);
    u->mask = 0;
    u->held = false;
    if (is_absent(u))
        return KERN_FAILURE;
    kr = settle_settings(u, wanted);
    if (kr != KERN_SUCCESS)
        return kr;
    /* Live, but one way only, looped back, or in a break of a driver that ended within it. */
    pl011_set_break(tty, false);
    pl011_write(u, CR, (pl011_read(u, CR) & ~(uint32_t)CR_LOOP) | CR_ON);
    pl011_write(u, IFLS, IFLS_QUARTERS);
    u->mask = INT_INPUT | INT_OVERRUN;
    pl011_write(u, IMSC, u->mask);
    if ((pl011_read(u, CR) & CR_ON) != CR_ON || (pl011_read(u, IMSC) & INT_ALL) != u->mask)
        return KERN_FAILURE;
    return KERN_SUCCESS;
}
