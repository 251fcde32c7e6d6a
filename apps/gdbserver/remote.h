/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDB remote serial protocol, as a stub speaks it: packets that came are carried out on a target, and answered. All threads stop together.
 *
 * R1 Nothing that comes in does more than the target's functions let it: every number is read within its packet, every length has a bound.
 * R2 A packet is answered before the next one is looked at; what makes the target run is answered when it stops.
 * R3 A packet that comes while it runs stops it: another GDB may have come in the place of the one that let it run.
 */
#pragma once

#include "packet.h"
#include <wharf/thread_state.h>

/** GDB's numbers of signals, which are not the system's. */
enum {
    REMOTE_SIGINT = 2,
    REMOTE_SIGILL = 4,
    REMOTE_SIGTRAP = 5,
    REMOTE_SIGFPE = 8,
    REMOTE_SIGKILL = 9,
    REMOTE_SIGBUS = 10,
    REMOTE_SIGSEGV = 11
};

enum remote_end { REMOTE_STOPPED, REMOTE_EXITED, REMOTE_KILLED };

/** Why the target does not run. */
struct remote_stop {
    enum remote_end how;
    uint8_t value; /* a signal, in GDB's numbers, or a status */
    uint32_t thread;
};

struct remote_registers {
    struct thread_state_general general;
    struct thread_state_fp fp;
};

/** How it goes on. */
struct remote_run {
    uint32_t step;          /* this thread executes one instruction; 0: none does */
    bool others;            /* threads that do not step run */
    uint32_t signal_thread; /* 0: nobody's */
    uint8_t signal;         /* that thread's, as its stop was told; 0: it has been seen to */
};

/** What is debugged. Threads have numbers that are not 0. The target stands still, but for resume() to interrupt(). False: it cannot be done. */
struct remote_target {
    /** The thread with the smallest number above `after`; 0: there is none. */
    uint32_t (*next_thread)(void *context, uint32_t after);
    bool (*read_registers)(void *context, uint32_t thread, struct remote_registers *registers);
    bool (*write_registers)(void *context, uint32_t thread,
                            const struct remote_registers *registers);
    bool (*read)(void *context, uint64_t address, void *bytes, size_t size);
    bool (*write)(void *context, uint64_t address, const void *bytes, size_t size);
    bool (*insert)(void *context, uint64_t address);
    bool (*remove)(void *context, uint64_t address);
    /** False: it does not run, for there is something to be told: *stop. */
    bool (*resume)(void *context, const struct remote_run *run, struct remote_stop *stop);
    /** It stands still when this returns. */
    void (*interrupt)(void *context, struct remote_stop *stop);
    void (*kill)(void *context);
    void (*detach)(void *context);
    void (*send)(void *context, const void *bytes, size_t size);
};

struct remote {
    const struct remote_target *target;
    void *context; /* of its functions */
    bool attached; /* it was there before, and is left alone in the end */
    bool running, over, no_acknowledgements;
    uint32_t general, continued; /* threads of "H": 0: any */
    struct remote_stop stop;     /* the last */
    struct packet_reader in;
    struct packet_writer out;
};

/** The target stands still, as `stop` says. */
void remote_init(struct remote *remote, const struct remote_target *target, void *context,
                 bool attached, const struct remote_stop *stop);
/** Bytes that came. `over`: the target has been killed or let go, and no more is to be read. */
void remote_input(struct remote *remote, const void *bytes, size_t size);
/** The target ran, and does not any more. */
void remote_stopped(struct remote *remote, const struct remote_stop *stop);

/* ---- between the files of this; answers are written to `out` ---- */

/** Which thread is meant by a number as packets have it; 0: there is none such, or the cursor is at no number. */
uint32_t remote_thread(struct remote *remote, struct packet_cursor *cursor, uint32_t otherwise);
/** c, s, C, S, vCont. False: it runs, and nothing is to be answered. remote_run.c */
bool remote_continue(struct remote *remote, char command, struct packet_cursor *cursor);
bool remote_vcont(struct remote *remote, struct packet_cursor *cursor);
void remote_tell_stop(struct remote *remote);
/** g, G, p, P. remote_registers.c */
void remote_registers(struct remote *remote, char command, struct packet_cursor *cursor);
void remote_error(struct remote *remote);
