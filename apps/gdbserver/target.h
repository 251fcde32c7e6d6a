/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task as GDB's target (remote.h): its exceptions come here first, and the thread that raised one waits for the answer.
 *
 * T1 Either it runs, or it is suspended once by this program, which has looked at it since.
 * T2 `waiting` has the exceptions that have not been answered. `told`: GDB knows; it is answered when the target goes on. Of the others the first
 *    is told instead of going on; but not a breakpoint that has been taken away since: that is answered, and the instruction repeated.
 * T3 While a thread steps there are breakpoints of the step where it can be next. Other threads are held by a suspension of their own,
 *    but where the instruction is a trap, which may wait for them. When the target stops, both are taken back.
 * T4 Another thread that comes to a breakpoint of the step makes a detour: the step's are taken out, it executes that one instruction while all others
 *    are held, and then the step's are put in again. One at a time; others that come meanwhile wait.
 */
#pragma once

#include "breakpoints.h"
#include "remote.h"
#include "step.h"
#include <sys/types.h>
#include <wharf/error.h>
#include <wharf/message.h>

struct server_message;

enum { TARGET_WAITING_MAX = 64, TARGET_HELD_MAX = 256 };

struct target_exception {
    uint32_t thread, kind;
    mach_port_name_t reply;
    uint64_t address;
    bool breakpoint; /* one of ours, though it may not be there any more */
    bool told;
};

struct target {
    mach_port_name_t task; /* send right */
    pid_t child;           /* 0: it is not ours */
    bool running;
    struct breakpoints breakpoints;
    struct target_exception waiting[TARGET_WAITING_MAX];
    unsigned waiting_count;
    uint32_t stepping, detour; /* threads; 0: none */
    struct step step, aside;   /* places of the step and of the detour, with a breakpoint of ours */
    uint32_t held[TARGET_HELD_MAX];
    unsigned held_count;
};

/** The functions of remote.h but send(), for a struct target as `context`. */
extern const struct remote_target target_operations;

/** Suspends the task and asks to be told of its exceptions, and of its end, at the receive right `port`. *stop: how it stands. */
kern_return_t target_begin(struct target *target, mach_port_name_t task, mach_port_name_t port,
                           struct remote_stop *stop);
/** An exception has come. True: the target stands still for it, which is to be told. On KERN_SUCCESS `result` is MIG_NO_REPLY. */
bool target_raised(struct target *target, struct server_message *message, uint32_t thread,
                   uint32_t kind, uint64_t address, kern_return_t *result,
                   struct remote_stop *stop);
/** It has ended: how. */
void target_ended(struct target *target, struct remote_stop *stop);

/* ---- target_memory.c ---- */

/** A task's memory, whatever its protection; context: a struct target. */
bool target_read_memory(void *context, uint64_t address, void *bytes, size_t size);
bool target_write_memory(void *context, uint64_t address, const void *bytes, size_t size);
