/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handlers of the traps; their meaning stands in wharf/trap.h.
 */
#pragma once

#include <arch/upcalls.h>
#include <kern/types.h>

/** The result of a trap that failed (or 0). */
uint64_t trap_error(kern_return_t kr);

/** Let interrupts in: the trap is repeated with these arguments (more than three are not needed yet), progress being in the
 *  thread or in what it works on. Return what this returns. */
uint64_t trap_restart(struct thread *self, uint64_t a0, uint64_t a1, uint64_t a2);

#define TRAP(number, name, handler, arguments, doc) trap_handler_t handler;
#include <wharf/abi/traps.def>
#undef TRAP

#define TRAP_ARGUMENTS                                                                                     \
    [[gnu::unused]] uint64_t a0, [[gnu::unused]] uint64_t a1, [[gnu::unused]] uint64_t a2,                \
        [[gnu::unused]] uint64_t a3, [[gnu::unused]] uint64_t a4, [[gnu::unused]] uint64_t a5,            \
        [[gnu::unused]] struct thread *self
