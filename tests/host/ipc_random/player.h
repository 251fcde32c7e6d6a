/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread of the random test: what its script knows of it, what it does next, and what it expects
 * of what came out.
 */
#pragma once

#include "ipc_world.h"
#include "letter.h"

enum { PLAYER_BUFFER_PAGES = 9, ARRAYS_MAX = 2 * MSG_DESCRIPTORS_MAX };

/** Where in a player's buffer. */
enum { SEND_AT = 0, RECEIVE_AT = 0x3000, ARRAYS_AT = 0x6000, SLEEP_AT = 0x8000 };

/** What the script waits for. */
enum doing { DOING_NOTHING, DOING_MESSAGE, DOING_KEEP, DOING_OTHER };

/** Is this thread's call open? Some errors leave that unsaid. */
enum open { OPEN_NO, OPEN_YES, OPEN_MAYBE };

/** A message trap as it was called. */
struct plan {
    uint64_t x[17];
    uint32_t serial;    /* of the letter in it, 0: none */
    uint32_t token;     /* of the reply right that goes with it */
    bool wild;          /* header or descriptors are rubbish */
    bool bad_body;      /* its address is */
    bool bad_buffer;    /* the receive buffer's address is */
    bool moves_receive; /* it carries a receive right */
    bool has_descriptors;
    bool has_memory; /* out-of-line memory */
};

/** Only the CPU that runs the thread uses it. */
struct player {
    uint64_t random;
    uint32_t id;     /* of the thread */
    uint32_t number; /* of the player */
    struct ipc_task *home;
    enum doing doing;
    struct plan plan;
    vaddr_t buffer;            /* 0: not yet */
    uint64_t stuck;            /* times that the buffer could not be had */
    vaddr_t array[ARRAYS_MAX]; /* received, to be given back */
    unsigned arrays;
    mach_port_name_t own;       /* port for answers, of which no other thread knows; 0: none */
    uint32_t own_made, own_got; /* send-once rights to it that were sent; messages that came */
    enum open open;
    uint32_t open_serial;     /* of the call; 0: it had no letter */
    bool held;                /* it owes an answer */
    uint32_t held_token;      /* to this call; 0: not known */
    mach_port_name_t evicted; /* a name to be given back */
};

/** Of the whole run; constant while it runs. */
struct game {
    uint64_t seed;
    bool threads;      /* CPUs are host threads */
    bool moves;        /* receive rights go into messages */
    bool wild;         /* rubbish is sent, too */
    bool small_limits; /* ledgers are small */
    bool failures;     /* now and then an allocation fails */
    bool shortage;     /* either: errors about memory come */
    bool many_priorities;
};
extern struct game game;

static inline uint64_t below(struct player *p, uint64_t bound)
{
    return host_random_below(&p->random, bound);
}

/** A name of that kind, if one is known, else anything. */
mach_port_name_t player_pick(struct player *p, enum pool pool);
/** Remember a name; one that has no place any more is given back soon. */
void player_put(struct player *p, enum pool pool, mach_port_name_t name);

/** Choose a message trap and write what it sends. False: the buffer cannot be written now. */
bool message_choose(struct player *p, unsigned cpu, struct host_action *next);
/** Check what it returned. */
void message_check(struct player *p, const struct thread *t, unsigned cpu);
/** What reply_keep returned. */
void keep_check(struct player *p, int64_t result);

/** Do something with names, as a call of the port interface would. */
void names_play(struct player *p);
/** Do something to another thread or task. */
void control_play(struct player *p);
