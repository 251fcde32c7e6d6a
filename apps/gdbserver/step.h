/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a thread can be when it has executed one instruction of AArch64: for a step by breakpoints. Source: Arm ARM C4.1 (encodings).
 *
 * A sequence that begins with a load-exclusive is one step, for a breakpoint inside would make its store fail for ever.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/thread_state.h>

enum { STEP_PLACES = 4, STEP_SEQUENCE = 16 /* instructions of a sequence at most */ };

/** The instruction at an address. False: it cannot be read. */
typedef bool step_read_t(void *context, uint64_t address, uint32_t *instruction);

struct step {
    unsigned count; /* 0: the instruction at the pc cannot be read */
    uint64_t place[STEP_PLACES];
    bool traps; /* it is a trap, which may wait for what other threads do */
};

/** Only pc and x are looked at. */
void step_places(const struct thread_state_general *state, step_read_t *read, void *context,
                 struct step *step);
