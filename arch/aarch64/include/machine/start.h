/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C functions the entry code and the vectors call, and nobody else.
 */
#pragma once

#include <kern/types.h>

struct arch_thread;
struct cpu;
struct trap_frame;

/** The boot CPU, on the boot stack, MMU on. */
void arch_start(paddr_t fdt, paddr_t image, uint64_t counter, unsigned level);
/** A further CPU, on its own stack. */
void arch_secondary_start(struct cpu *cpu);
/** A synchronous exception of user code that is not a trap. */
unsigned arch_user_abort(struct arch_thread *t, uint64_t esr, vaddr_t far);
void arch_user_abort_refused(struct arch_thread *t, uint64_t esr, vaddr_t far, unsigned result);
void arch_user_sync(struct arch_thread *t, uint64_t esr, vaddr_t far);
/** An asynchronous abort while user code ran. */
void arch_user_serror(struct arch_thread *t, uint64_t esr);
/** An exception in the kernel; returns only if the frame's pc was moved to a fixup. */
void arch_kernel_sync(struct trap_frame *frame, uint64_t esr, vaddr_t far, uint64_t synchronous);
