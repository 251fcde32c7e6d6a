/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the GDB remote serial protocol: "$" content "#" and two hexadecimal digits, the sum of the content's bytes. "+" and "-" say
 * whether one came well, the byte 3 is ^C. In the content "}" and a byte stand for that byte with bit 5 turned over.
 *
 * P1 Whatever bytes come, nothing is written beyond a packet's room: one that is too long is refused whole.
 * P2 A reader's content ends with a 0, which is not counted.
 * P3 What a cursor reads lies between its ends; who asks for more gets false, and the cursor stays usable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most bytes of a content. GDB is told; it is room for all registers, and for memory by the half of that. */
enum { PACKET_MAX = 4000 };

enum packet_event {
    PACKET_NOTHING,   /* more has to come */
    PACKET_CAME,      /* content and length are a packet's */
    PACKET_DAMAGED,   /* its sum is wrong, or it was too long */
    PACKET_INTERRUPT, /* ^C */
    PACKET_WELL,      /* the other side has what was sent */
    PACKET_AGAIN,     /* it wants that again */
};

/** Zero to begin with. */
struct packet_reader {
    uint8_t state; /* enum of packet.c */
    uint8_t sum, given;
    bool too_long;
    size_t length;
    char content[PACKET_MAX + 1];
};

/** Take a byte that came. */
enum packet_event packet_take(struct packet_reader *reader, uint8_t byte);

/** What is to be sent. After packet_end() `bytes` and `length` are all of it. What has no room is left out, and `full` says so. */
struct packet_writer {
    size_t length;
    uint8_t sum;
    bool full;
    char bytes[PACKET_MAX + 4];
};

void packet_begin(struct packet_writer *writer);
void packet_text(struct packet_writer *writer, const char *text);
/** Hexadecimal, without zeroes before it. */
void packet_number(struct packet_writer *writer, uint64_t number);
/** Two digits a byte. */
void packet_bytes(struct packet_writer *writer, const void *bytes, size_t count);
void packet_end(struct packet_writer *writer);

/** What is left to be read of a content. */
struct packet_cursor {
    const char *at, *end;
};

/** Skip a text that is there. False: it is not. */
bool packet_skip(struct packet_cursor *cursor, const char *text);
/** A hexadecimal number of 1 to 16 digits. */
bool packet_get_number(struct packet_cursor *cursor, uint64_t *number);
/** `count` bytes, two digits each. False: fewer are there, or what is there are no digits. */
bool packet_get_bytes(struct packet_cursor *cursor, void *bytes, size_t count);
static inline size_t packet_left(const struct packet_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}
