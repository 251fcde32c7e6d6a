/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See remote.h: packets taken and answered; questions, memory, breakpoints, threads.
 */
#include "remote.h"
#include <string.h>

enum { MEMORY_MAX = PACKET_MAX / 2, SOFTWARE_BREAKPOINT = 0 };

static void send(struct remote *r)
{
    packet_end(&r->out);
    r->target->send(r->context, r->out.bytes, r->out.length);
}

static void good(struct remote *r)
{
    packet_text(&r->out, "OK");
}

void remote_error(struct remote *r)
{
    packet_text(&r->out, "E01");
}

static void answer(struct remote *r, bool done)
{
    if (done)
        good(r);
    else
        remote_error(r);
}

/* ---- threads ---- */

static bool is_thread(struct remote *r, uint64_t thread)
{
    return thread != 0 && thread <= UINT32_MAX &&
           r->target->next_thread(r->context, (uint32_t)thread - 1) == thread;
}

uint32_t remote_thread(struct remote *r, struct packet_cursor *c, uint32_t otherwise)
{
    uint64_t number;
    if (packet_skip(c, "-1"))
        return otherwise;
    if (!packet_get_number(c, &number))
        return 0;
    if (number == 0)
        return otherwise;
    return is_thread(r, number) ? (uint32_t)number : 0;
}

/* The one that stopped, if it is there, or else the first. */
static uint32_t any_thread(struct remote *r)
{
    return is_thread(r, r->stop.thread) ? r->stop.thread : r->target->next_thread(r->context, 0);
}

/* "H" and what for: "g" or "c". */
static void choose_thread(struct remote *r, struct packet_cursor *c)
{
    uint32_t *which = packet_skip(c, "g")   ? &r->general
                      : packet_skip(c, "c") ? &r->continued
                                            : NULL;
    const uint32_t thread = which ? remote_thread(r, c, any_thread(r)) : 0;
    if (thread != 0)
        *which = thread;
    answer(r, thread != 0);
}

static void tell_thread_ids(struct remote *r)
{
    enum { ROOM = 20 };
    uint32_t thread = r->target->next_thread(r->context, 0);
    packet_text(&r->out, thread != 0 ? "m" : "l");
    while (thread != 0 && r->out.length < PACKET_MAX - ROOM) {
        packet_number(&r->out, thread);
        thread = r->target->next_thread(r->context, thread);
        if (thread != 0)
            packet_text(&r->out, ",");
    }
}

/* ---- memory ---- */

static bool get_range(struct packet_cursor *c, uint64_t *address, size_t *size)
{
    uint64_t n;
    if (!packet_get_number(c, address) || !packet_skip(c, ",") || !packet_get_number(c, &n) ||
        n > MEMORY_MAX || n > UINT64_MAX - *address)
        return false;
    *size = (size_t)n;
    return true;
}

static void read_memory(struct remote *r, struct packet_cursor *c)
{
    uint8_t bytes[MEMORY_MAX];
    uint64_t address;
    size_t size;
    if (get_range(c, &address, &size) && r->target->read(r->context, address, bytes, size))
        packet_bytes(&r->out, bytes, size);
    else
        remote_error(r);
}

static void write_memory(struct remote *r, struct packet_cursor *c)
{
    uint8_t bytes[MEMORY_MAX];
    uint64_t address;
    size_t size;
    answer(r, get_range(c, &address, &size) && packet_skip(c, ":") && packet_left(c) == 2 * size &&
                  packet_get_bytes(c, bytes, size) &&
                  r->target->write(r->context, address, bytes, size));
}

/* "Z" or "z", the type, the address; nothing for types that there are not. */
static void change_breakpoint(struct remote *r, char command, struct packet_cursor *c)
{
    uint64_t type, address;
    if (!packet_get_number(c, &type) || type != SOFTWARE_BREAKPOINT)
        return;
    if (!packet_skip(c, ",") || !packet_get_number(c, &address))
        remote_error(r);
    else
        answer(r, (command == 'Z' ? r->target->insert : r->target->remove)(r->context, address));
}

/* ---- questions ---- */

static void tell_features(struct remote *r)
{
    packet_text(&r->out, "PacketSize=");
    packet_number(&r->out, PACKET_MAX);
    packet_text(&r->out, ";QStartNoAckMode+;vContSupported+;qXfer:features:read-");
}

static void question(struct remote *r, struct packet_cursor *c)
{
    if (packet_skip(c, "Supported")) {
        tell_features(r);
    } else if (packet_skip(c, "fThreadInfo")) {
        tell_thread_ids(r);
    } else if (packet_skip(c, "sThreadInfo")) {
        packet_text(&r->out, "l");
    } else if (packet_skip(c, "Attached")) {
        packet_text(&r->out, r->attached ? "1" : "0");
    } else if (packet_left(c) == 1 && packet_skip(c, "C")) {
        packet_text(&r->out, "QC");
        packet_number(&r->out, any_thread(r));
    }
}

static void is_alive(struct remote *r, struct packet_cursor *c)
{
    uint64_t thread;
    answer(r, packet_get_number(c, &thread) && is_thread(r, thread));
}

static void leave(struct remote *r, bool kill)
{
    (kill ? r->target->kill : r->target->detach)(r->context);
    r->over = true;
}

/* "v" and a word. False: nothing is to be answered. */
static bool verbose(struct remote *r, struct packet_cursor *c)
{
    if (packet_skip(c, "Cont?")) {
        packet_text(&r->out, "vCont;c;C;s;S");
    } else if (packet_skip(c, "Cont")) {
        return remote_vcont(r, c);
    } else if (packet_skip(c, "Kill")) {
        leave(r, true);
        good(r);
    }
    return true;
}

/* False: nothing is to be answered. What is not known is answered with nothing in it. */
static bool carry_out(struct remote *r, char command, struct packet_cursor *c)
{
    switch (command) {
    case '?': remote_tell_stop(r); break;
    case 'g':
    case 'G':
    case 'p':
    case 'P': remote_registers(r, command, c); break;
    case 'm': read_memory(r, c); break;
    case 'M': write_memory(r, c); break;
    case 'Z':
    case 'z': change_breakpoint(r, command, c); break;
    case 'H': choose_thread(r, c); break;
    case 'T': is_alive(r, c); break;
    case 'q': question(r, c); break;
    case 'v': return verbose(r, c);
    case 'c':
    case 's':
    case 'C':
    case 'S': return remote_continue(r, command, c);
    case 'k': leave(r, true); return false;
    case 'D':
        leave(r, false);
        good(r);
        break;
    default: break;
    }
    return true;
}

/* ---- packets ---- */

static void take_packet(struct remote *r)
{
    struct packet_cursor c = {r->in.content, r->in.content + r->in.length};
    if (!r->no_acknowledgements)
        r->target->send(r->context, "+", 1);
    if (r->running) { /* R3 */
        r->target->interrupt(r->context, &r->stop);
        r->running = false;
    }
    packet_begin(&r->out);
    const char command = packet_left(&c) > 0 ? *c.at++ : '\0';
    if (command == 'Q' && packet_skip(&c, "StartNoAckMode")) {
        good(r);
        r->no_acknowledgements = true;
    } else if (!carry_out(r, command, &c)) {
        return;
    }
    send(r);
}

static void take_interrupt(struct remote *r)
{
    struct remote_stop stop;
    if (!r->running)
        return;
    r->target->interrupt(r->context, &stop);
    remote_stopped(r, &stop);
}

void remote_init(struct remote *r, const struct remote_target *target, void *context, bool attached,
                 const struct remote_stop *stop)
{
    *r = (struct remote){.target = target,
                         .context = context,
                         .attached = attached,
                         .stop = *stop,
                         .general = stop->thread,
                         .continued = stop->thread};
}

void remote_input(struct remote *r, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size && !r->over; i++) {
        switch (packet_take(&r->in, ((const uint8_t *)bytes)[i])) {
        case PACKET_CAME: take_packet(r); break;
        case PACKET_INTERRUPT: take_interrupt(r); break;
        case PACKET_DAMAGED:
            if (!r->no_acknowledgements)
                r->target->send(r->context, "-", 1);
            break;
        case PACKET_AGAIN:
            if (r->out.length > 0)
                r->target->send(r->context, r->out.bytes, r->out.length);
            break;
        default: break;
        }
    }
}

void remote_stopped(struct remote *r, const struct remote_stop *stop)
{
    r->stop = *stop;
    r->running = false;
    packet_begin(&r->out);
    remote_tell_stop(r);
    send(r);
}
