/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the world share. See world.h.
 */
#pragma once

#include "world.h"

enum { WORLD_NAMES = 1 << 18 };

enum kind { NOTHING, TASK, THREAD, RECEIVE, REPLY, TIMER };

struct right {
    enum kind kind;
    bool dead, watched;
    uint32_t
        refs; /* of a send right of the server's, and of messages to it; of a RECEIVE: the receive right, once */
    uint32_t sends; /* of a RECEIVE: send rights to it that the server has, too */
    uint32_t told;  /* notifications of its death in the server's queue, with a reference each */
    uint32_t suspended;
    uint32_t first, count; /* of a TASK: its threads' names */
    uint64_t cpu_time;     /* of a THREAD; of a TASK: of those that have ended */
    mach_port_name_t task; /* of a THREAD */
    uint64_t payload;
    uint8_t waits; /* of a THREAD: THREAD_WAITS_ */
    struct thread_state_general state;
};

extern struct right world_rights[WORLD_NAMES];
extern mach_port_name_t world_used; /* names below are made */
extern uint64_t world_now, world_armed;
extern kern_return_t world_refusal;

struct right *world_at(mach_port_name_t name);
/** The server has a right of this name. */
bool world_is_held(mach_port_name_t name);
/** Whom a message of the server's goes to: W3. NULL: it is dead. */
struct right *world_target(mach_port_name_t name, enum kind kind);
/** What the kernel finds for a name in a call. KERN_SUCCESS: a living task. */
kern_return_t world_find_task(mach_port_name_t name);
mach_port_name_t world_make(struct right right);
/** Its port dies, and who watches is told. */
void world_die(struct right *right);
