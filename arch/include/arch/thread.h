/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's part of a thread: its saved user registers. There is no kernel context to save: the
 * kernel has one stack a CPU, and a thread that waits is described by these registers and a wait
 * record (D1).
 *
 * machine/thread_md.h supplies `struct arch_thread`, the first member of struct thread.
 */
#pragma once

#include <kern/types.h>
#include <machine/thread_md.h>
#include <wharf/thread_state.h>

struct task;

/** Fresh registers, of zeroed memory: will start at `entry` with stack `sp`, `arg` in the first argument
 *  register and `number` in the second, all others zero. */
void arch_thread_init(struct arch_thread *t, vaddr_t entry, vaddr_t sp, uint64_t arg,
                      uint64_t number);

/** Leave `prev` and get ready to run `next` (either may be NULL): FP state, user thread pointer.
 *  Not the registers of the trap frame, which the entry code saves and loads; not the address
 *  space. */
static inline void arch_thread_switch(struct arch_thread *prev, struct arch_thread *next);

/** The current thread has floating-point state in the registers. If not, switching away from it may be
 *  done by arch_thread_switch_light(), which calls nothing. Neither is NULL. */
static inline bool arch_thread_has_fp(const struct arch_thread *t);
static inline void arch_thread_switch_light(struct arch_thread *prev, struct arch_thread *next);
/** A thread that does not run is likely to use its floating-point state soon. Only a hint. */
static inline bool arch_thread_wants_fp(const struct arch_thread *t);
/** arch_thread_switch() between two of which one has or wants floating-point state, to be compiled into the fast
 *  way of messages. */
static inline void arch_thread_switch_fp(struct arch_thread *prev, struct arch_thread *next);

/** The thread pointer register that user code sees. For a thread that is not running. */
void arch_thread_set_tls(struct arch_thread *t, vaddr_t tls);

/** Set the value the current or interrupted trap returns (first result register). For threads that
 *  wait in a trap. */
static inline void arch_thread_set_result(struct arch_thread *t, uint64_t value);

/** The trap's registers other than its result read zero when the thread runs again (wharf/trap.h,
 *  R2). For the current thread, before it waits. */
static inline void arch_thread_clear_scratch(struct arch_thread *t);

/** Keep a trap's arguments so that arch_thread_restart_trap() can repeat it; needed only by traps
 *  that wait. */
static inline void arch_thread_set_arg(struct arch_thread *t, unsigned index, uint64_t value);

/** Make the current thread repeat its trap when it runs again, with the arguments set by
 *  arch_thread_set_arg(). The caller also sets cpu->reschedule. */
void arch_thread_restart_trap(struct arch_thread *t);

/** A trap that would be repeated is over instead and returns `result`, as if it had done so. The thread
 *  runs nowhere. */
void arch_thread_end_restart(struct arch_thread *t, uint64_t result);

/** Size of a register set (wharf/thread_state.h); 0: the machine has no such set. */
size_t arch_thread_state_size(unsigned flavour);
/** Copy a set out. The thread runs nowhere; its FP state is saved. `waits`: it waits in a trap and
 *  may be woken at this moment: registers that a trap clobbers or returns are not looked at, and zero. */
void arch_thread_get_state(const struct arch_thread *t, unsigned flavour, bool waits, void *out);
/** The general registers of a thread that does not wait: straight to memory that user code may change meanwhile. */
void arch_thread_get_general(const struct arch_thread *t, struct thread_state_general *out);
/** Set a set. Whatever it holds, and though `in` lie in memory that changes meanwhile, the thread stays an unprivileged one
 *  that can be interrupted. The thread is parked. KERN_INVALID_ADDRESS (wharf/thread_state.h). */
kern_return_t arch_thread_set_general(struct arch_thread *t, const struct thread_state_general *in);
void arch_thread_set_fp(struct arch_thread *t, const struct thread_state_fp *in);

static inline kern_return_t arch_thread_set_state(struct arch_thread *t, unsigned flavour,
                                                  const void *in)
{
    if (flavour == THREAD_STATE_GENERAL)
        return arch_thread_set_general(t, in);
    arch_thread_set_fp(t, in);
    return KERN_SUCCESS;
}

/** User program counter, for reports and trace. */
vaddr_t arch_thread_pc(const struct arch_thread *t);

/** Print the registers and, as far as user memory can be read, the frames of the call stack,
 *  through the log. The thread must be current on this CPU (its address space active) for frames;
 *  registers always. */
void arch_thread_report(const struct arch_thread *t, bool frames);
