/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written in messages, so that whoever receives one can tell that it is whole, and that it
 * came once and in order.
 *
 * A letter is the plain part of a body of at least LETTER_SIZE bytes; shorter ones carry a pattern
 * that follows from the message's id.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LETTER_SIZE = 40,
    LETTER_ID = 0x60000000, /* ids of letters: with bits of the serial number */
    SHORT_ID = 0x50000000,  /* ids of messages that are too short: with random bits */
    ID_BITS = 24,
};

struct letter {
    uint32_t sender;    /* number of the thread */
    uint32_t serial;    /* of the letter; never 0. Rises from letter to letter of a sender */
    uint32_t token;     /* serial of the call that its reply right belongs to; 0: not known */
    uint32_t answer_to; /* it answers this call; 0: not known, or none */
};

/** Room for so many letters; nothing has been sent. */
void letters_reset(void);
void letters_end(void);
/** A new serial number, which is about to be sent. */
uint32_t letter_new(void);
/** The trap said that nothing has been sent. */
void letter_failed(uint32_t serial);
/** It came; fails if it came before, or was never sent. */
void letter_received(uint32_t serial);
/** Letters that came from `sender` to `place`, with the sequence number given to them there: in that
 *  order, they are in the order in which they were sent. Deterministic runs only. */
void letter_in_order(uint64_t place, uint32_t sender, uint32_t seqno, uint32_t serial);

/** Write `length` bytes. */
void letter_write(const struct letter *letter, uint32_t id, void *plain, size_t length);
/** Check that it is whole. True: a letter was in it. */
bool letter_check(uint32_t id, const void *plain, size_t length, struct letter *out);
