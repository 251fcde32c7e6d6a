/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UARTs of the 8250's family: with FIFOs of 16, with none, and the mini-UART behind its AUX block. Reading LSR clears its error
 * bits, reading IIR the transmitter's reason; DLAB turns two registers into the divisor; what loses bytes fails the test.
 */
#include <ns16550.h>

#include "../../check.h"
#include "uart_model.h"

enum variety { V_16550, V_8250, V_MINI };
enum { E_FRAMING = 1 << 8, E_PARITY = 1 << 9, E_BREAK = 1 << 10 };
enum { I_RX = 1, I_TX = 2, I_LINE = 4 };
enum { MINI_AT = 0x40, AUX_AT = 0x0 }; /* as in the AUX block */
#define CLOCK_16550 UINT64_C(1843200)
#define CLOCK_MINI  UINT64_C(500000000)

struct ns16550_model {
    struct uart_wires wires;
    enum variety variety;
    uint32_t ier, fcr, lcr, mcr, divisor, scratch, control, baud, enables;
    bool thre_told; /* the transmitter's reason has been read */
    bool overrun;
};
static struct ns16550_model machine;
static uint8_t sent[WIRE_BYTES];

static uint64_t rate(const struct ns16550_model *m)
{
    if (m->variety == V_MINI)
        return CLOCK_MINI / (8 * (m->baud + 1));
    return m->divisor ? CLOCK_16550 / (16 * m->divisor) : 0;
}

static bool has_room(const struct ns16550_model *m)
{
    const struct uart_fifo *tx = &m->wires.tx;
    return m->variety == V_MINI ? tx->count < tx->depth : tx->count == 0;
}

static bool is_due(const struct ns16550_model *m)
{
    const struct uart_wires *w = &m->wires;
    unsigned trigger = w->rx.depth == 1 || m->variety == V_MINI ? 1 : 8;
    return w->rx.count >= trigger || (w->rx.count > 0 && w->now >= w->last_rx + 4 * w->byte_time);
}

static uint32_t top_errors(const struct ns16550_model *m)
{
    uint16_t top = m->wires.rx.count ? m->wires.rx.entries[m->wires.rx.first] : 0;
    return (top & E_PARITY ? 4u : 0) | (top & E_FRAMING ? 8u : 0) | (top & E_BREAK ? 16u : 0);
}

static uint32_t reason(const struct ns16550_model *m)
{
    if (m->ier & I_LINE && (m->overrun || top_errors(m)) && m->variety != V_MINI)
        return 3 << 1;
    if (m->ier & I_RX && is_due(m))
        return m->variety == V_MINI || m->wires.rx.count >= 8 || m->wires.rx.depth == 1 ? 2 << 1
                                                                                        : 6 << 1;
    if (m->ier & I_TX && m->wires.tx.count == 0 && !m->thre_told)
        return 1 << 1;
    return 1;
}

static void left(void *model)
{
    struct ns16550_model *m = model;
    if (m->wires.tx.count == 0)
        m->thre_told = false;
}

static void came(void *model, bool fitted)
{
    struct ns16550_model *m = model;
    m->overrun |= !fitted;
}

static const struct uart_events events = {left, came};

static void update(struct ns16550_model *m)
{
    struct uart_wires *w = &m->wires;

    if (m->variety == V_MINI) {
        w->rx_on = m->control & 1;
        w->tx_on = m->control & 2;
        w->rts_stops = m->control & 4 && w->rx.count >= 6;
    } else {
        w->rx_on = w->tx_on = true;
        w->rts_stops = m->mcr & 0x20 && w->rx.count >= 8;
    }
}

static void pass(void *model, uint64_t now)
{
    struct ns16550_model *m = model;
    uart_pass(&m->wires, m, &events, now);
    update(m);
}

static uint64_t next(void *model)
{
    struct ns16550_model *m = model;
    uint64_t wire = uart_next(&m->wires), timeout = m->wires.last_rx + 4 * m->wires.byte_time;
    if (m->wires.rx.count > 0 && timeout > m->wires.now && timeout < wire)
        return timeout;
    return wire;
}

static bool line(void *model)
{
    struct ns16550_model *m = model;
    return (m->mcr & 8 || m->variety == V_MINI) && reason(m) != 1;
}

static uint32_t read_status(struct ns16550_model *m)
{
    const struct uart_wires *w = &m->wires;
    uint32_t value = (w->rx.count ? 1u : 0) | (m->overrun ? 2u : 0) | (has_room(m) ? 0x20u : 0) |
                     (w->tx.count == 0 && w->shifting < 0 ? 0x40u : 0);

    if (m->variety != V_MINI)
        value |= top_errors(m);
    m->overrun = false;
    if (w->rx.count) /* the byte is no longer marked */
        m->wires.rx.entries[w->rx.first] &= 0xff;
    return value;
}

static uint32_t read_reason(struct ns16550_model *m)
{
    uint32_t why = reason(m);

    if (why == 1 << 1)
        m->thre_told = true;
    if (m->variety == V_MINI)
        return why | 0xc0;
    return why | (m->variety == V_16550 && m->fcr & 1 ? 0xc0u : 0);
}

static uint32_t read_byte(struct ns16550_model *m)
{
    uint32_t value = m->wires.rx.count ? uart_pop(&m->wires.rx) & 0xffu : 0;
    update(m);
    return value;
}

static uint32_t read_number(struct ns16550_model *m, unsigned number)
{
    bool dlab = m->lcr & 0x80;

    switch (number) {
    case 0: return dlab && m->variety != V_MINI ? m->divisor & 0xff : read_byte(m);
    case 1: return dlab && m->variety != V_MINI ? m->divisor >> 8 : m->ier;
    case 2: return read_reason(m);
    case 3: return m->lcr;
    case 4: return m->mcr;
    case 5: return read_status(m);
    case 8: CHECK_EQ(m->variety, V_MINI); return m->control;
    case 10: CHECK_EQ(m->variety, V_MINI); return m->baud;
    default: CHECK(!"a register that may be read"); return 0;
    }
}

static void write_fcr(struct ns16550_model *m, uint32_t value)
{
    struct uart_wires *w = &m->wires;

    CHECK_EQ(m->variety == V_MINI, false);
    CHECK_EQ(value & 6, 0); /* N5 */
    if (m->variety == V_8250)
        return;
    if ((m->fcr ^ value) & 1) {
        w->emptied += w->tx.count + w->rx.count;
        w->tx.count = w->rx.count = 0;
        w->tx.depth = w->rx.depth = value & 1 ? 16 : 1;
    }
    m->fcr = value;
}

static void write_ier(struct ns16550_model *m, uint32_t value)
{
    if (m->variety == V_MINI)
        CHECK(value == 0 || (value & 12) == 12); /* M3 */
    if (value & I_TX & ~m->ier && m->wires.tx.count == 0)
        m->thre_told = m->variety == V_8250; /* some chips tell it at once, some never (N3) */
    m->ier = value & 15;
}

static void write_byte(struct ns16550_model *m, uint32_t value)
{
    CHECK(uart_push(&m->wires.tx, value & 0xff) || m->wires.lenient);
    m->thre_told = false;
}

static void write_number(struct ns16550_model *m, unsigned number, uint32_t value)
{
    bool dlab = m->lcr & 0x80 && m->variety != V_MINI;

    switch (number) {
    case 0:
        if (dlab)
            m->divisor = (m->divisor & 0xff00) | (value & 0xff), uart_set_rate(&m->wires, rate(m));
        else
            write_byte(m, value);
        break;
    case 1:
        if (dlab)
            m->divisor = (m->divisor & 0xff) | (value & 0xff) << 8,
            uart_set_rate(&m->wires, rate(m));
        else
            write_ier(m, value);
        break;
    case 2: write_fcr(m, value); break;
    case 3:
        m->wires.torn += (value ^ m->lcr) & 0x3f && (m->wires.tx.count || m->wires.shifting >= 0);
        m->lcr = value & 0xff;
        break;
    case 4: m->mcr = value & (m->variety == V_16550 ? 0x3f : 0x1f); break;
    case 8:
        CHECK_EQ(m->variety, V_MINI);
        m->control = value & 0xff;
        break;
    case 10:
        CHECK_EQ(m->variety, V_MINI);
        m->baud = value & 0xffff;
        uart_set_rate(&m->wires, rate(m));
        break;
    default: CHECK(!"a register that may be written");
    }
    update(m);
}

static uint32_t model_read(void *model, uint32_t offset, unsigned width)
{
    struct ns16550_model *m = model;

    if (m->variety == V_8250) {
        CHECK_EQ(width, 1);
        return read_number(m, offset);
    }
    CHECK_EQ(width, 4);
    if (m->variety == V_16550)
        return read_number(m, offset >> 2);
    if (offset == AUX_AT + 4)
        return m->enables;
    return m->enables & 1 ? read_number(m, (offset - MINI_AT) >> 2) : 0;
}

static void model_write(void *model, uint32_t offset, unsigned width, uint32_t value)
{
    struct ns16550_model *m = model;

    CHECK_EQ(width, m->variety == V_8250 ? 1 : 4);
    if (m->variety == V_8250)
        write_number(m, offset, value);
    else if (m->variety == V_16550)
        write_number(m, offset >> 2, value);
    else if (offset == AUX_AT + 4) {
        CHECK_EQ(value & ~7u, 0);
        CHECK(m->wires.lenient || ((value ^ m->enables) & 6) == 0); /* the SPI masters' bits */
        m->enables = value;
    } else if (m->enables & 1)
        write_number(m, (offset - MINI_AT) >> 2, value);
}

static void power_on_as(struct ns16550_model *m, enum variety variety, bool set_going)
{
    *m = (struct ns16550_model){.variety = variety, .wires = {.shifting = -1, .sent = sent}};
    m->wires.tx.depth = m->wires.rx.depth = variety == V_MINI ? 8 : 1;
    m->enables = 4; /* an SPI master is on */
    m->thre_told = true;
    if (set_going) {
        m->enables |= 1;
        m->lcr = 3;
        m->divisor = 1;
        m->baud = 541;
        m->control = variety == V_MINI ? 3 : 0;
        if (variety == V_16550)
            write_fcr(m, 1);
    }
    uart_set_rate(&m->wires, rate(m));
    update(m);
}

static void power_on_16550(void *model, bool set_going)
{
    power_on_as(model, V_16550, set_going);
}

static void power_on_8250(void *model, bool set_going)
{
    power_on_as(model, V_8250, set_going);
}

static void power_on_mini(void *model, bool set_going)
{
    power_on_as(model, V_MINI, set_going);
}

static struct ns16550 uart;

static struct tty_device *create_16550(struct stage *stage, uint64_t clock)
{
    struct ns16550_layout layout = {.reg_shift = 2, .reg_io_width = 4, .auto_flow_control = true};

    CHECK_EQ(ns16550_init(&uart, &stage->environment, stage_registers(stage), &layout, clock), 0);
    return &uart.tty;
}

static struct tty_device *create_8250(struct stage *stage, uint64_t clock)
{
    struct ns16550_layout layout = {0};

    CHECK_EQ(ns16550_init(&uart, &stage->environment, stage_registers(stage), &layout, clock), 0);
    return &uart.tty;
}

static struct tty_device *create_mini(struct stage *stage, uint64_t clock)
{
    struct registers aux = stage_registers(stage), registers = aux;

    registers.base = MINI_AT;
    mini_uart_init(&uart, &stage->environment, registers, &aux, clock);
    return &uart.tty;
}

static struct uart_wires *wires(void *model)
{
    return &((struct ns16550_model *)model)->wires;
}

static void *model_of(void)
{
    return &machine;
}

static uint32_t divisor(void *model)
{
    struct ns16550_model *m = model;
    return m->variety == V_MINI ? m->baud : m->divisor;
}

static const struct stage_device device = {model_read, model_write, pass, next, line};
#define COMMON .device = &device, .wires = wires, .model = model_of, .divisor = divisor
const struct uart_kind ns16550_kind_under_test = {.name = "16550",
                                                  .create = create_16550,
                                                  .power_on = power_on_16550,
                                                  .clock = CLOCK_16550,
                                                  .most_at_once = 16,
                                                  .has_errors = true,
                                                  .framing = E_FRAMING,
                                                  .parity = E_PARITY,
                                                  .broken = E_BREAK,
                                                  COMMON};
const struct uart_kind plain_8250_kind = {.name = "8250",
                                          .create = create_8250,
                                          .power_on = power_on_8250,
                                          .clock = CLOCK_16550,
                                          .most_at_once = 1,
                                          .has_errors = true,
                                          .framing = E_FRAMING,
                                          .parity = E_PARITY,
                                          .broken = E_BREAK,
                                          COMMON};
const struct uart_kind mini_uart_kind = {.name = "mini",
                                         .create = create_mini,
                                         .power_on = power_on_mini,
                                         .clock = CLOCK_MINI,
                                         .most_at_once = 8,
                                         COMMON};
