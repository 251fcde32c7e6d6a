/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest tty server (server.h).
 */
#include "server.h"

#include "../../check.h"

void server_create(struct server *s, const struct uart_kind *kind, bool set_going)
{
    static uint8_t got[WIRE_BYTES];

    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->got = got;
    stage_init(&s->stage, kind->device, kind->model());
    kind->power_on(kind->model(), set_going);
    s->stage.most_accesses = 50000000;
}

kern_return_t server_start(struct server *s, uint64_t clock, const struct tty_settings *wanted)
{
    s->device = s->kind->create(&s->stage, clock);
    return s->device->ops->start(s->device, wanted);
}

/* The client writes what fits and reads what is there; true if it has something to say to the driver. */
static bool client_turn(struct server *s)
{
    bool kick = false;

    while (s->to_send_at < s->to_send_count && s->out.put - s->out.taken < TTY_RING_BYTES) {
        s->out.bytes[s->out.put % TTY_RING_BYTES] = s->to_send[s->to_send_at++];
        s->out.put++;
        kick = true;
    }
    if (s->stage.now - s->last_read < s->slow)
        return kick;
    s->last_read = s->stage.now;
    while (s->in.taken != s->in.put) {
        CHECK(s->got_count < WIRE_BYTES);
        s->got[s->got_count++] = s->in.bytes[s->in.taken % TTY_RING_BYTES];
        s->in.taken++;
        kick = true;
    }
    return kick;
}

static void pump(struct server *s, unsigned events)
{
    enum tty_pumped result;

    if (events & TTY_EVENT_INPUT) {
        do
            result = tty_pump_input(s->device, &s->in, NULL);
        while (result == TTY_PUMP_MORE);
        CHECK(result != TTY_PUMP_BROKEN);
    }
    if (events & TTY_EVENT_ROOM) {
        do
            result = tty_pump_output(s->device, &s->out);
        while (result == TTY_PUMP_MORE);
        CHECK(result != TTY_PUMP_BROKEN);
    }
}

static bool is_finished(const struct server *s)
{
    const struct uart_wires *w = s->kind->wires(s->kind->model());

    return s->to_send_at == s->to_send_count && s->out.put == s->out.taken &&
           s->in.put == s->in.taken && w->script_at >= w->script_count && w->rx.count == 0 &&
           w->tx.count == 0 && w->shifting < 0;
}

void server_serve(struct server *s)
{
    unsigned events = TTY_EVENT_INPUT | TTY_EVENT_ROOM;

    for (unsigned turn = 0; turn < 1000000; turn++) {
        pump(s, events);
        if (is_finished(s))
            return;
        events = client_turn(s) ? TTY_EVENT_INPUT | TTY_EVENT_ROOM : 0;
        if (!events && s->slow == 0 && s->stage.device->next(s->stage.model) == UINT64_MAX)
            CHECK(s->stage.device->line(s->stage.model) ||
                  is_finished(s)); /* nothing would ever move */
        if (!events &&
            s->stage.environment.wait_interrupt(&s->stage, 0, s->stage.now + DEVICE_MILLISECOND))
            events = s->device->ops->interrupt(s->device);
    }
    CHECK(!"everything has been moved in a million turns");
}
