/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See packet.h.
 */
#include "packet.h"
#include <string.h>

enum { BETWEEN, CONTENT, ESCAPED, SUM_HIGH, SUM_LOW };
enum { CONTROL_C = 3, ESCAPE = '}', TURNED = 0x20 };

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ---- reading ---- */

static enum packet_event take_between(struct packet_reader *r, uint8_t byte)
{
    switch (byte) {
    case '$':
        r->state = CONTENT;
        r->length = 0;
        r->sum = 0;
        r->too_long = false;
        return PACKET_NOTHING;
    case CONTROL_C: return PACKET_INTERRUPT;
    case '+': return PACKET_WELL;
    case '-': return PACKET_AGAIN;
    default: return PACKET_NOTHING;
    }
}

static void keep(struct packet_reader *r, uint8_t byte)
{
    if (r->length < PACKET_MAX)
        r->content[r->length++] = (char)byte;
    else
        r->too_long = true;
}

static enum packet_event take_content(struct packet_reader *r, uint8_t byte)
{
    if (byte == '$') /* the one before has lost its end */
        return take_between(r, byte);
    if (byte == '#') {
        r->state = SUM_HIGH;
        return PACKET_NOTHING;
    }
    r->sum += byte;
    if (byte == ESCAPE)
        r->state = ESCAPED;
    else
        keep(r, byte);
    return PACKET_NOTHING;
}

static enum packet_event take_sum(struct packet_reader *r, uint8_t byte)
{
    const int value = digit((char)byte);
    if (value < 0) {
        r->state = BETWEEN;
        return PACKET_DAMAGED;
    }
    r->given = (uint8_t)(r->given << 4 | value);
    if (r->state == SUM_HIGH) {
        r->state = SUM_LOW;
        return PACKET_NOTHING;
    }
    r->state = BETWEEN;
    r->content[r->length] = '\0';
    return r->given == r->sum && !r->too_long ? PACKET_CAME : PACKET_DAMAGED;
}

enum packet_event packet_take(struct packet_reader *r, uint8_t byte)
{
    switch (r->state) {
    case CONTENT: return take_content(r, byte);
    case ESCAPED:
        r->sum += byte;
        keep(r, byte ^ TURNED);
        r->state = CONTENT;
        return PACKET_NOTHING;
    case SUM_HIGH:
    case SUM_LOW: return take_sum(r, byte);
    default: return take_between(r, byte);
    }
}

/* ---- writing ---- */

static const char digits[] = "0123456789abcdef";

static void put(struct packet_writer *w, char c)
{
    if (w->length > PACKET_MAX) { /* behind "$" */
        w->full = true;
        return;
    }
    w->bytes[w->length++] = c;
    w->sum += (uint8_t)c;
}

void packet_begin(struct packet_writer *w)
{
    w->bytes[0] = '$';
    w->length = 1;
    w->sum = 0;
    w->full = false;
}

/* An escape is whole, or not there. */
void packet_text(struct packet_writer *w, const char *text)
{
    for (; *text != '\0'; text++) {
        const bool special = strchr("#$*}", *text) != NULL;
        if (special && w->length == PACKET_MAX)
            w->full = true;
        if (w->full)
            return;
        if (special)
            put(w, ESCAPE);
        put(w, special ? (char)(*text ^ TURNED) : *text);
    }
}

void packet_number(struct packet_writer *w, uint64_t number)
{
    unsigned shift = 60;
    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        put(w, digits[number >> shift & 15]);
        if (shift == 0)
            return;
    }
}

void packet_bytes(struct packet_writer *w, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < count; i++) {
        put(w, digits[from[i] >> 4]);
        put(w, digits[from[i] & 15]);
    }
}

void packet_end(struct packet_writer *w)
{
    const uint8_t sum = w->sum;
    w->bytes[w->length++] = '#';
    w->bytes[w->length++] = digits[sum >> 4];
    w->bytes[w->length++] = digits[sum & 15];
}

/* ---- contents ---- */

bool packet_skip(struct packet_cursor *c, const char *text)
{
    const size_t length = strlen(text);
    if (packet_left(c) < length || memcmp(c->at, text, length) != 0)
        return false;
    c->at += length;
    return true;
}

bool packet_get_number(struct packet_cursor *c, uint64_t *number)
{
    enum { DIGITS_MAX = 16 };
    const char *at = c->at;
    uint64_t value = 0;
    for (; at < c->end && digit(*at) >= 0; at++) {
        if (at - c->at == DIGITS_MAX)
            return false;
        value = value << 4 | (unsigned)digit(*at);
    }
    if (at == c->at)
        return false;
    c->at = at;
    *number = value;
    return true;
}

bool packet_get_bytes(struct packet_cursor *c, void *bytes, size_t count)
{
    uint8_t *to = bytes;
    if (packet_left(c) / 2 < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const int high = digit(c->at[2 * i]), low = digit(c->at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    c->at += 2 * count;
    return true;
}
