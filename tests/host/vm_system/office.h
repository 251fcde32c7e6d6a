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
};

/** How the kernel sees the office. */
struct host_memory_swap office_facts(void);
/** Take it, with `slots` slots if none are left of a predecessor. `window`: pages of its window, which is then at `*at`; 0: none. The kernel may send to it
 *  before this returns, but nothing rests meanwhile. */
struct office office_take(uint32_t slots, uint32_t window, uint64_t *at);
/** The holder's task ends; the office is vacant. What was asked of it is with the kernel again at the next rest. */
void office_leave(struct office *office);
