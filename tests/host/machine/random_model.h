/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the script of test_random.c knows of its thread, and what a trap or a message to a kernel object may return.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

/* Numbers that no trap has. */
enum { RETIRED = 8, UNKNOWN = 1000 };
#define NO_TRAP (~UINT64_C(0))

/** Only the CPU that runs the thread uses it. */
struct model {
    uint64_t random;
    uint64_t trap;    /* the last action's trap, or the id of its message; ~0: it was neither */
    uint64_t args[6]; /* of it; of a message, the body's first words */
    nanos_t called;   /* when */
    uint32_t id;
    unsigned misplaced; /* actions in a row on a CPU that its affinity forbids */
    uint64_t memory;    /* of vm.allocate, 0: none */
    uint64_t size;      /* of it, or of what was asked for */
    bool sleeps;        /* the trap waits for its moment only */
};

/** The last action's result is one of those it may have; fails otherwise. */
void model_check(const struct thread *t, struct model *m);
