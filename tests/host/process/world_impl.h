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
        refs; /* send rights of the server's and of messages; of a RECEIVE: the receive right */
    uint32_t senders; /* of a RECEIVE */
    uint32_t suspended;
    uint32_t first, count; /* of a TASK: its threads' names */
    mach_port_name_t task; /* of a THREAD */
    uint64_t payload;
    struct thread_state_general state;
};

extern struct right world_rights[WORLD_NAMES];
extern mach_port_name_t world_used; /* names below are made */
extern uint64_t world_now, world_armed;
extern kern_return_t world_refusal;

/** Is it this allocation's turn? */
bool world_fails(void);
/** A name of ours. */
struct right *world_at(mach_port_name_t name);
/** What a process names may be anything; NULL: it is none of these, or dead. */
struct right *world_of_kind(mach_port_name_t name, enum kind kind);
mach_port_name_t world_make(struct right right);
