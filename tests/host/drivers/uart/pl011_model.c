/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PL011 as its manual has it: the transmit interrupt comes of draining through the trigger level, the receive interrupt of
 * filling up to it, the timeout after 32 bits without a byte. What the manual forbids, and what loses bytes, fails the test.
 */
#include <pl011.h>

#include "../../check.h"
#include "uart_model.h"

enum { R_DR = 0, R_FR = 0x18, R_IBRD = 0x24, R_FBRD = 0x28, R_LCRH = 0x2c, R_CR = 0x30 };
enum { R_IFLS = 0x34, R_IMSC = 0x38, R_RIS = 0x3c, R_MIS = 0x40, R_ICR = 0x44, R_DMACR = 0x48 };
enum { I_RX = 0x10, I_TX = 0x20, I_RT = 0x40, I_OE = 0x400 };
#define CLOCK UINT64_C(48000000)

struct pl011_model {
    struct uart_wires wires;
    uint32_t ibrd, fbrd, lcrh, cr, ifls, imsc, ris;
    uint32_t ibrd_latched, fbrd_latched;
    bool overrun;
};
static struct pl011_model machine;
static uint8_t sent[WIRE_BYTES];

static unsigned level(uint32_t code, unsigned depth)
{
    static const unsigned eighths[] = {1, 2, 4, 6, 7, 7, 7, 7};
    return depth < 8 ? 1 : eighths[code & 7] * depth / 8;
}

static bool timeout_is_due(const struct pl011_model *m)
{
    const struct uart_wires *w = &m->wires;
    return w->rx.count > 0 && w->now >= w->last_rx + w->byte_time * 32 / 10;
}

static void left(void *model)
{
    struct pl011_model *m = model;
    if (m->wires.tx.count == level(m->ifls, m->wires.tx.depth))
        m->ris |= I_TX;
}

static void came(void *model, bool fitted)
{
    struct pl011_model *m = model;
    if (!fitted) {
        m->ris |= I_OE;
        m->overrun = true;
    } else if (m->wires.rx.count == level(m->ifls >> 3, m->wires.rx.depth)) {
        m->ris |= I_RX;
    }
}

static const struct uart_events events = {left, came};

static void update(struct pl011_model *m)
{
    struct uart_wires *w = &m->wires;
    bool on = m->cr & 1;

    w->tx_on = on && m->cr & 1 << 8;
    w->rx_on = on && m->cr & 1 << 9;
    w->rts_stops = m->cr & 1 << 14 && w->rx.count >= level(m->ifls >> 3, w->rx.depth);
    if (w->rx.count < level(m->ifls >> 3, w->rx.depth))
        m->ris &= ~(uint32_t)I_RX;
    if (timeout_is_due(m))
        m->ris |= I_RT;
    if (w->rx.count == 0)
        m->ris &= ~(uint32_t)I_RT;
    if (w->tx.count > level(m->ifls, w->tx.depth))
        m->ris &= ~(uint32_t)I_TX;
}

static void pass(void *model, uint64_t now)
{
    struct pl011_model *m = model;
    uart_pass(&m->wires, m, &events, now);
    update(m);
}

static uint64_t next(void *model)
{
    struct pl011_model *m = model;
    uint64_t wire = uart_next(&m->wires);
    uint64_t timeout = m->wires.last_rx + m->wires.byte_time * 32 / 10;
    if (m->wires.rx.count > 0 && !(m->ris & I_RT) && timeout < wire)
        return timeout > m->wires.now ? timeout : m->wires.now + 1;
    return wire;
}

static bool line(void *model)
{
    struct pl011_model *m = model;
    return m->ris & m->imsc;
}

static uint32_t flags(const struct pl011_model *m)
{
    const struct uart_wires *w = &m->wires;
    return (w->shifting >= 0 || w->tx.count ? 8u : 0) | (w->rx.count == 0 ? 0x10u : 0) |
           (w->tx.count == w->tx.depth ? 0x20u : 0) | (w->rx.count == w->rx.depth ? 0x40u : 0) |
           (w->tx.count == 0 ? 0x80u : 0);
}

static uint32_t read_data(struct pl011_model *m)
{
    uint32_t data = m->wires.rx.count ? uart_pop(&m->wires.rx) : 0;
    if (m->overrun)
        data |= 1 << 11;
    m->overrun = false;
    update(m);
    return data;
}

static uint32_t model_read(void *model, uint32_t offset, unsigned width)
{
    struct pl011_model *m = model;

    CHECK_EQ(width, 4);
    switch (offset) {
    case R_DR: return read_data(m);
    case R_FR: return flags(m);
    case R_IBRD: return m->ibrd;
    case R_FBRD: return m->fbrd;
    case R_LCRH: return m->lcrh;
    case R_CR: return m->cr;
    case R_IFLS: return m->ifls;
    case R_IMSC: return m->imsc;
    case R_RIS: return m->ris;
    case R_MIS: return m->ris & m->imsc;
    default: CHECK(!"a register of the PL011 that may be read"); return 0;
    }
}

static void set_depth(struct pl011_model *m, bool fifos)
{
    struct uart_wires *w = &m->wires;

    if ((w->tx.depth > 1) == fifos)
        return;
    w->emptied += w->tx.count + w->rx.count;
    w->tx.count = w->rx.count = 0;
    w->tx.depth = w->rx.depth = fifos ? 32 : 1;
}

static void write_format(struct pl011_model *m, uint32_t value)
{
    /* All but a break may only change while the device is off; the divisor is latched. */
    bool rest = (value ^ m->lcrh) & ~1u || m->ibrd != m->ibrd_latched || m->fbrd != m->fbrd_latched;

    CHECK(!rest || !(m->cr & 1) || m->wires.lenient);
    m->lcrh = value;
    m->ibrd_latched = m->ibrd;
    m->fbrd_latched = m->fbrd;
    if (rest)
        uart_set_rate(&m->wires, m->ibrd ? CLOCK * 4 / (m->ibrd << 6 | m->fbrd) : 0);
    set_depth(m, value & 0x10);
}

static void write_control(struct pl011_model *m, uint32_t value)
{
    if (m->cr & 1 && !(value & 1)) /* off, in the middle of something */
        m->wires.torn += m->wires.shifting >= 0 || m->wires.tx.count > 0;
    m->cr = value & 0xff87;
}

static void model_write(void *model, uint32_t offset, unsigned width, uint32_t value)
{
    struct pl011_model *m = model;

    CHECK_EQ(width, 4);
    switch (offset) {
    case R_DR: CHECK(uart_push(&m->wires.tx, value & 0xff) || m->wires.lenient); break;
    case R_IBRD:
        CHECK(!(m->cr & 1) || m->wires.lenient);
        m->ibrd = value & 0xffff;
        break;
    case R_FBRD:
        CHECK(!(m->cr & 1) || m->wires.lenient);
        m->fbrd = value & 0x3f;
        break;
    case R_LCRH: write_format(m, value & 0xff); break;
    case R_CR: write_control(m, value); break;
    case R_IFLS: m->ifls = value & 0x3f; break;
    case R_IMSC: m->imsc = value & 0x7ff; break;
    case R_ICR:
        CHECK(!(value & (I_RX | I_RT | I_TX))); /* P1, P2 */
        m->ris &= ~value;
        break;
    case R_DMACR: CHECK_EQ(value, 0); break;
    default: CHECK(!"a register of the PL011 that may be written");
    }
    update(m);
}

static void power_on(void *model, bool set_going)
{
    struct pl011_model *m = model;

    *m = (struct pl011_model){.wires = {.shifting = -1, .sent = sent}, .cr = 0x300, .ifls = 0x12};
    m->wires.tx.depth = m->wires.rx.depth = 1;
    if (!set_going)
        return;
    m->ibrd = 26;
    m->fbrd = 3;
    write_format(m, 0x70);
    m->cr = 0x301;
    update(m);
}

static struct tty_device *create(struct stage *stage, uint64_t clock)
{
    static struct pl011 uart;

    pl011_init(&uart, &stage->environment, stage_registers(stage), clock);
    return &uart.tty;
}

static struct uart_wires *wires(void *model)
{
    return &((struct pl011_model *)model)->wires;
}

static void *model_of(void)
{
    return &machine;
}

static uint32_t divisor(void *model)
{
    struct pl011_model *m = model;
    return m->ibrd << 6 | m->fbrd;
}

static const struct stage_device device = {model_read, model_write, pass, next, line};
const struct uart_kind pl011_kind = {.name = "pl011",
                                     .device = &device,
                                     .create = create,
                                     .power_on = power_on,
                                     .wires = wires,
                                     .model = model_of,
                                     .clock = CLOCK,
                                     .divisor = divisor,
                                     .most_at_once = 32,
                                     .has_errors = true,
                                     .framing = 1 << 8,
                                     .parity = 1 << 9,
                                     .broken = 1 << 10};
