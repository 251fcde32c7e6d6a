/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the world share: world.c, world_ports.c, world_memory.c.
 */
#pragma once

#include "../check.h"
#include "world.h"

enum { WORLD_TASK = 1 };

struct port {
    bool receive; /* the server's */
    bool dead;
    bool watched; /* for no senders, or for its death */
    bool foreign;
    bool kept; /* it outlives the server */
    uint64_t payload;
    uint32_t senders, made;
};

/* ---- world_ports.c ---- */

void ports_begin(void);
struct port *port_of(mach_port_name_t name);
/** The next port that had no senders any more when it was watched, and how many had been made; MSG_NULL: none. */
mach_port_name_t ports_next_pending(uint32_t *made);
/** The next port after this one (MSG_NULL: the first) that a server which died has left. */
mach_port_name_t ports_next_kept(mach_port_name_t after);
/** Ports that are kept are in nobody's hands, and count anew; others die. */
void ports_server_died(void);
/** Nobody holds a right to what is not the server's. */
void ports_check_end(void);

/* ---- world_memory.c ---- */

void memory_begin(void);
/** Pages that the server has. */
uint64_t memory_pages(void);
