/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handlers of the traps; their meaning stands in wharf/trap.h.
 */
#pragma once

#include <arch/upcalls.h>
#include <kern/thread.h>
#include <kern/types.h>

/** The result of a trap that failed (or 0). */
uint64_t trap_error(kern_return_t kr);

/** Let interrupts in: the trap is repeated with these arguments (who has more sets them before), progress
 *  being in the thread or in what it works on. Return what this returns. */
uint64_t trap_restart(struct thread *self, uint64_t a0, uint64_t a1, uint64_t a2);

/* How far a restarted trap has come, kept in self->progress together with the trap's number:
 * between a restart and the repeated trap the task's other threads can change the SVC into
 * another one, which must not take the number for its own. */
enum { TRAP_PROGRESS_BITS = 56 };

static inline void trap_set_progress(struct thread *self, unsigned number, uint64_t done)
{
    self->progress = done ? (uint64_t)(number + 1) << TRAP_PROGRESS_BITS | done : 0;
}

/** 0: the trap begins. */
static inline uint64_t trap_progress(const struct thread *self, unsigned number)
{
    bool own = self->progress >> TRAP_PROGRESS_BITS == number + 1;
    return own ? self->progress & ((UINT64_C(1) << TRAP_PROGRESS_BITS) - 1) : 0;
}

#define TRAP(number, name, handler, arguments, doc) trap_handler_t handler;
#include <wharf/abi/traps.def>
#undef TRAP

#define TRAP_ARGUMENTS                                                                         \
    [[gnu::unused]] uint64_t a0, [[gnu::unused]] uint64_t a1, [[gnu::unused]] uint64_t a2,     \
        [[gnu::unused]] uint64_t a3, [[gnu::unused]] uint64_t a4, [[gnu::unused]] uint64_t a5, \
        [[gnu::unused]] struct thread *self
