/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs: their recipes, and what is going on with each. Everything here belongs to the supervisor's main thread.
 *
 * P1 A program has an instance (task != MSG_NULL) from its start until the kernel has told that the task is dead.
 * P2 Moments are nanoseconds since boot; NEVER: there is nothing to wait for.
 * P3 What a program or its clients send is a request of theirs and no more: nobody is waited for.
 * P4 A place of the table whose program has been removed is free (its name is empty), and used again. Numbers of instances go on there, so that what was
 *    meant for one of the old program is not taken for one of the new.
 */
#pragma once

#include "description.h"
#include "log.h"
#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/supervisor_types.h>
#include <wharf/message.h>

#define NEVER       UINT64_MAX
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

enum {
    STATUS_KILLED = 137,
    STATUS_CRASHED = 139,
    STATUS_HUNG = 140,
    STATUS_UNKNOWN = 255, /* it ended without a word */
};

/* Why an instance ends, if it was not its own doing. */
enum ending {
    ENDING_ITSELF,
    ENDING_CRASH,
    ENDING_HUNG,
    ENDING_KILL,
    ENDING_STOP,
    ENDING_MEMORY, /* all memory was taken */
    ENDING_WITH,   /* the program it goes with has ended */
};

struct program {
    struct recipe recipe; /* constant, but for the file (upgrade) */
    bool wanted;          /* to run; else it stays stopped */
    bool held;            /* waits for what `after` names */
    bool removed;         /* a copy that is wanted no more: when it has ended its place is free */
    enum supervisor_state state;

    /* The instance; MSG_NULL: none of it. */
    uint32_t generation;            /* of the last one; the first is 1 */
    mach_port_name_t task;          /* send right */
    mach_port_name_t thread;        /* its first; send right */
    mach_port_name_t family;        /* of a program `with` another: family.h; send right */
    mach_port_name_t port;          /* its bootstrap port: receive right */
    mach_port_name_t control;       /* its service_control: send right */
    mach_port_name_t control_given; /* the receive right, until it has asked for it */
    mach_port_name_t pings;         /* answers to pings: receive right */
    mach_port_name_t device;        /* its device, until it has asked for it */
    bool ready;
    bool terminated; /* the kernel has been told to end it */
    bool again;      /* when it has been stopped it is started */
    bool reporting;  /* it has crashed, and the reporter looks at it */
    mach_port_name_t
        crash_reply; /* its thread that waits for the answer of that; send-once right */
    enum ending ending;
    bool status_told;
    uint32_t status;

    /* heartbeat.h */
    unsigned quarters; /* that it has for its answer, or to stop, with that which runs */
    unsigned excuses;  /* in a row that it was late with the whole machine */
    uint64_t lost;     /* how long the machine had stood still when it last lived or was to stop */

    /* What outlives it. */
    mach_port_name_t device_control; /* send right */
    mach_port_name_t opening; /* where the answer to device_control.open comes: receive right */
    mach_port_name_t state_memory; /* a memory entry */

    struct log_allowance log;

    /* Its life so far. */
    uint32_t restarts, recent, last_status;
    uint64_t started, died, recovery; /* died: 0 when it is ready again */

    /* When something is to be done (P2). */
    uint64_t start_at, opened_by, ready_by, healthy_at, ping_at, answer_by, stop_by, reported_by;
};

extern struct program programs[PROGRAMS_MAX];
extern unsigned program_count;

/** By name; NULL: there is none. */
struct program *program_find(const char *name);
/** A new one, not started. NULL: there is no room. */
struct program *program_add(const struct recipe *recipe);
/** Its place is free (P4). It has no instance, and no services. */
void program_free(struct program *program);

static inline bool program_is_free(const struct program *p)
{
    return p->recipe.name[0] == '\0';
}

static inline bool program_has_instance(const struct program *p)
{
    return p->task != MSG_NULL;
}

static inline unsigned program_number(const struct program *p)
{
    return (unsigned)(p - programs);
}
