/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIFOs, shift register and wires of simulated UARTs (uart_model.h).
 */
#include "uart_model.h"

#include "../../check.h"

bool uart_push(struct uart_fifo *fifo, uint16_t entry)
{
    if (fifo->count >= fifo->depth)
        return false;
    fifo->entries[(fifo->first + fifo->count++) % UART_DEEPEST] = entry;
    return true;
}

uint16_t uart_pop(struct uart_fifo *fifo)
{
    uint16_t entry = fifo->entries[fifo->first];

    CHECK(fifo->count > 0);
    fifo->first = (fifo->first + 1) % UART_DEEPEST;
    fifo->count--;
    return entry;
}

void uart_set_rate(struct uart_wires *w, uint64_t baud)
{
    if (w->shifting >= 0 || w->tx.count > 0)
        w->torn += w->byte_time != 0;
    w->byte_time = baud ? DEVICE_SECOND * 10 / baud : 0;
}

static bool may_send(const struct uart_wires *w)
{
    return w->tx_on && !w->cts_stops && w->byte_time && w->tx.count > 0;
}

static bool may_receive(const struct uart_wires *w)
{
    return w->rx_on && w->byte_time && !w->rts_stops && w->script_at < w->script_count;
}

static void send(struct uart_wires *w, void *model, const struct uart_events *events)
{
    if (w->shifting >= 0 && !w->stuck && w->now >= w->shift_ends) {
        CHECK(w->sent_count < WIRE_BYTES);
        w->sent[w->sent_count++] = (uint8_t)w->shifting;
        w->shifting = -1;
    }
    if (w->shifting < 0 && may_send(w)) {
        w->shifting = uart_pop(&w->tx) & 0xff;
        w->shift_ends = w->now + w->byte_time;
        events->left(model);
    }
}

static void receive(struct uart_wires *w, void *model, const struct uart_events *events)
{
    if (!may_receive(w) || w->now < w->script_next)
        return;
    bool fitted = uart_push(&w->rx, w->script[w->script_at++]);
    w->last_rx = w->now;
    w->script_next = w->now + w->byte_time;
    w->overruns += !fitted;
    events->came(model, fitted);
}

void uart_pass(struct uart_wires *w, void *model, const struct uart_events *events, uint64_t now)
{
    w->now = now;
    send(w, model, events);
    receive(w, model, events);
}

uint64_t uart_next(const struct uart_wires *w)
{
    uint64_t next = UINT64_MAX;

    if (w->shifting >= 0 && !w->stuck)
        next = w->shift_ends;
    else if (w->shifting < 0 && may_send(w))
        next = w->now + 1;
    if (may_receive(w) && w->script_next < next)
        next = w->script_next > w->now ? w->script_next : w->now + 1;
    return next;
}
