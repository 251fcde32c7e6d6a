/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The office of the default pager, which an actor of its own holds at a time: how it is taken and left. What its holder does
 * there is each test's own.
 */
#pragma once

#include "player.h"

#include <wharf/if/swap.h>

struct office {
    struct actor *actor;    /* NULL: it is vacant */
    uint32_t port, control; /* its names for what it serves, and for what the kernel gave it */
    bool busy;              /* its holder is at something, and hears nothing meanwhile */
};

/** How the kernel sees the office. */
struct host_memory_swap office_facts(void);
/** Take it, with `slots` slots if none are left of a predecessor. `window`: pages of its window, which is then at `*at`; 0: none. The kernel may send to it
 *  before this returns, but nothing rests meanwhile. */
struct office office_take(uint32_t slots, uint32_t window, uint64_t *at);
/** The holder's task ends; the office is vacant. What was asked of it is with the kernel again at the next rest. */
void office_leave(struct office *office);

/** What a message that the kernel has sent there means: its id, and the first words of its body. */
typedef void office_hear_t(uint32_t id, const uint64_t words[2]);
/** The holder hears all that has been sent there, and acts as itself meanwhile. True: there was something. For rest(). */
bool office_serve(struct office *office, office_hear_t *hear);

/** Whoever waits for a pager waits longer than any rest. */
void office_have_patience(void);

/** The whole of a test: the machine, and the round eight times. What is made once is made in the first; after the last there are as many objects as after it. For main(). */
int office_rounds(char **argv, void (*round)(void));
