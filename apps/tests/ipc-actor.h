/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors: tasks of one thread that execute one trap at a time, with registers that this program chooses and reads
 * afterwards. An actor stops with a breakpoint exception after each trap, which this program handles: the answer to it
 * is the next trap. Names and memory of an actor are reached through its task port.
 *
 * A1 What a message trap does not use is filled with rubbish before; afterwards nothing but the message may be in any
 *    register. That is looked at after each trap, whatever the test asks for.
 * A2 Actors are more urgent than this program, so on one CPU they have stopped or wait when they have been started.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/thread_state.h>

enum { ACTOR_BUFFER = 0x3000 }; /* bytes to send from, and to receive into */

struct actor {
    mach_port_name_t task, thread;
    mach_port_name_t stops;  /* where its exceptions arrive */
    mach_port_name_t answer; /* to the one it has stopped with; MSG_NULL: it runs, or waits */
    char *send, *receive;    /* shared with it, at the same addresses */
    char *memory;
    uint64_t code; /* in its task */
    struct thread_state_general before, state;
};

/** Arguments of the message trap. What is left out is zero: no such part. */
struct message {
    uint32_t dest, id, local, receive;
    uint8_t remote, how_local; /* dispositions of destination and local name */
    uint8_t descriptors;
    uint32_t length;
    uint64_t body[8];
    uint64_t deadline; /* 0: none */
    uint64_t size;     /* of the receive buffer */
};
#define PAST 1 /* a deadline that has passed: poll */

void actor_make(struct actor *a, const char *name);
/** Its task ends, and nothing of it is left. */
void actor_end(struct actor *a);

/** Have it done, as far as it goes now. True: it is done. */
bool actor_post(struct actor *a, const struct message *m);
bool actor_post_trap(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1);
/** It is done, or will be by itself; a failed check if it takes seconds. */
void actor_finish(struct actor *a);
bool actor_is_done(struct actor *a);
/** The error that the trap returned; it is done. */
unsigned actor_result(struct actor *a);
/** Post and result. */
unsigned actor_perform(struct actor *a, const struct message *m);

/* What the last message trap left. */
static inline uint32_t got_id(const struct actor *a)
{
    return (uint32_t)a->state.x[1];
}
static inline uint64_t got_control(const struct actor *a)
{
    return a->state.x[2];
}
static inline uint64_t got_local(const struct actor *a)
{
    return a->state.x[3];
}
static inline uint32_t got_reply(const struct actor *a)
{
    return (uint32_t)a->state.x[4];
}
uint64_t got_word(const struct actor *a, unsigned i);
struct msg_descriptor got_descriptor(const struct actor *a, unsigned i);

/** Carry one right more in a descriptor. */
void put_port(struct message *m, uint32_t name, unsigned disposition);

/* ---- names, through the task port ---- */
uint32_t actor_port(struct actor *a);
uint32_t actor_set(struct actor *a);
uint32_t actor_dead(struct actor *a, unsigned urefs);
/** A right to the port that `owner` receives from. */
uint32_t actor_send_to(struct actor *a, struct actor *owner, uint32_t port);
uint32_t actor_once_to(struct actor *a, struct actor *owner, uint32_t port);
/** The receive right is destroyed. */
void actor_kill_port(struct actor *a, uint32_t name);
/** Drop every right that it has. */
void actor_wipe(struct actor *a);

/** Live kernel objects, now. */
uint64_t objects_now(void);
/** The same when the number has not changed for a while. */
uint64_t objects_at_rest(void);
/** Wait, for seconds if need be, until there are no more than so many: what has ended is taken down behind
 * one's back. */
void expect_objects(uint64_t wanted);
