/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short forms for scenarios.
 */
#pragma once

#include "ipc_world.h"
#include "scenarios.h"

/** A message without a body by a send right, which stays. */
static inline struct message to(uint32_t dest, uint32_t id)
{
    return (struct message){.dest = dest, .remote = MSG_COPY_SEND, .id = id};
}
/** With one word as its body. */
static inline struct message word_to(uint32_t dest, uint32_t id, uint64_t word)
{
    return (struct message){
        .dest = dest, .remote = MSG_COPY_SEND, .id = id, .length = 8, .body = {word}};
}
/** The same by a disposition that moves or makes the right. */
static inline struct message by(uint8_t remote, uint32_t dest, uint32_t id)
{
    return (struct message){.dest = dest, .remote = remote, .id = id};
}
static inline struct message from(uint32_t port)
{
    return (struct message){.receive = port, .size = MSG_BODY_MAX};
}
/** Receive what is there, wait for nothing. */
static inline struct message poll(uint32_t port)
{
    return (struct message){.receive = port, .size = MSG_BODY_MAX, .deadline = PAST};
}
static inline struct message call_to(uint32_t dest, uint32_t id, uint64_t word)
{
    struct message m = word_to(dest, id, word);
    m.how_local = MSG_MAKE_REPLY;
    m.receive = MSG_REPLY;
    m.size = MSG_BODY_MAX;
    return m;
}
/** Answer by the reply held, then go on as `receive` says (0: with nothing). */
static inline struct message answer(uint32_t id, uint64_t word, uint32_t receive)
{
    return (struct message){.dest = MSG_REPLY,
                            .remote = MSG_MOVE_SEND_ONCE,
                            .id = id,
                            .length = 8,
                            .body = {word},
                            .receive = receive,
                            .size = MSG_BODY_MAX};
}

/** `a` does it and it succeeds. */
#define OK(actor, ...)           CHECK_EQUAL(perform(actor, __VA_ARGS__), KERN_SUCCESS)
/** `a` does it, and this error comes back. */
#define FAILS(error, actor, ...) CHECK_EQUAL(perform(actor, __VA_ARGS__), error)

/** The next message of the port has this id. */
static inline void expect_id(struct actor *a, uint32_t port, uint32_t id)
{
    OK(a, poll(port));
    CHECK_EQUAL(got_id(a), id);
}
/** There is no message. */
static inline void expect_none(struct actor *a, uint32_t port)
{
    FAILS(MACH_RCV_TIMED_OUT, a, poll(port));
}
/** The next one is a notification about a name, or with another number of 4 bytes. */
static inline void expect_note(struct actor *a, uint32_t port, uint32_t id, uint32_t number)
{
    expect_id(a, port, id);
    CHECK(msg_is_notification(a->x[2]));
    CHECK_EQUAL(msg_length(a->x[2]), 4);
    CHECK_EQUAL(got_word(a, 0), number);
}
/** An actor's call or wait has ended because its send-once right was destroyed. */
static inline void check_lost(const struct actor *a)
{
    CHECK_EQUAL(result(a), KERN_SUCCESS);
    CHECK_EQUAL(got_id(a), MSG_ID_SEND_ONCE);
    CHECK_EQUAL(msg_length(a->x[2]), 0);
}
