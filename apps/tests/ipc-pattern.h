/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message trap with a pattern in every register, and what has to be there afterwards: x19 to x30, the vector registers,
 * FPCR and FPSR as before, in x0 to x18 the message and zeros. Bodies are made from the message's id, which tells
 * how long it and its answer are, so that both sides know what has to come.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <user/msg_pattern.h>
#include <wharf/error.h>
#include <wharf/message.h>

enum { BODY_WORDS = MSG_BODY_MAX / 8 };

struct pattern {
    struct register_file before, after;
    uint64_t seed;
    uint64_t out[BODY_WORDS], in[BODY_WORDS];
};

/** Rubbish everywhere, different with each call: no send part, no receive part. */
void pattern_fill(struct pattern *p);
/** Send: x0 to x3, and the body of this id. */
void pattern_send(struct pattern *p, uint32_t dest, uint32_t id, uint64_t control, uint32_t local);
/** Receive, long ones into p->in: x4 to x7. */
void pattern_receive(struct pattern *p, uint32_t name, uint64_t deadline);
/** Do it, and look at what has to be as before, and at what is zero after any message trap. */
void pattern_trap(struct pattern *p);

/** x0 is this error, and nothing else is anything. */
void expect_error(const struct pattern *p, kern_return_t error);
/** A message with this header, and the body of its id. seqno and local are told if the pointers are not NULL, else
 *  they are zero. */
void expect_message(const struct pattern *p, uint32_t id, uint64_t control, uint64_t remote,
                    uint64_t *local, uint64_t *seqno);
/** The same without a look at the body. */
void expect_header(const struct pattern *p, uint32_t id, uint64_t control, uint64_t remote,
                   uint64_t *local, uint64_t *seqno);
/** The i-th word of the body's registers. */
uint64_t pattern_word(const struct register_file *file, unsigned i);
void pattern_set_word(struct register_file *file, unsigned i, uint64_t word);

/** Id of a request of so many words whose answer has so many. */
static inline uint32_t pattern_id(unsigned words, unsigned answer_words)
{
    return 1u << 24 | words | answer_words << 12;
}
static inline unsigned id_words(uint32_t id)
{
    return id & 0xfff;
}
static inline unsigned id_answer_words(uint32_t id)
{
    return id >> 12 & 0xfff;
}
static inline uint32_t id_of_answer(uint32_t id)
{
    return pattern_id(id_answer_words(id), 0) | 1u << 25;
}
