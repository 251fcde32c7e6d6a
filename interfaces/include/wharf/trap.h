/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The traps: how a user program enters the kernel, what each trap takes and returns. The rows stand
 * in wharf/abi/traps.def; this header gives their numbers, their constants and their exact meaning.
 *
 * Calling (AArch64): SVC #0, number in x8, arguments in x0 to x5, result in x0.
 *   R1 x19 to x30, sp, TPIDR_EL0, v0 to v31, FPCR and FPSR are preserved.
 *   R2 x1 to x18 hold zero afterwards, whatever they held before; NZCV is unspecified.
 *   R3 A number that no row has: x0 = -KERN_INVALID_TRAP. An SVC with an odd immediate is not one of these but msg.
 *
 * Results are signed 64-bit. Negative: the negated kern_return_t. The traps that return a
 * kern_return_t return -KERN_x or 0 in the same way, so that one test (x0 < 0) finds every error.
 *
 * A pointer or range is checked before anything is done with it: a range that wraps, or leaves the
 * user part of the address space, or is not accessible, gives KERN_INVALID_ADDRESS and nothing else
 * happens. Arguments are 64 bits wide unless it says u32: then the upper half is ignored. Moments
 * are nanoseconds since boot; TRAP_NEVER is the moment that does not come.
 *
 * 0 thread_self() -> the caller's name for its own port (interfaces/thread.defs). Made by the first call, and the same
 *   in all later ones; a call adds no user reference. A program that gives the name up has none: it is not made anew.
 *   It goes with the thread. Its number, for reports, is in thread.info.
 *      KERN_NO_SPACE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE  no name could be made
 *
 * 1 thread_switch() -> 0. Threads of the caller's priority that are ready on this CPU run first.
 *
 * 2 futex_wait(address, u32 expected, deadline) -> 0 after a wake; or at once
 *      KERN_RETRY              the word is not `expected`, or has just been moved: look again
 *      KERN_OPERATION_TIMED_OUT  the deadline passed (one in the past: at once, after the look at
 *                                the word)
 *      KERN_ABORTED            the wait was interrupted
 *      KERN_INVALID_ARGUMENT   address not a multiple of 4
 *   The look at the word and going to sleep are one step: a futex_wake by somebody who changed the
 *   word before is never missed. Futexes are private to the task.
 *
 * 3 futex_wake(address, u32 count) -> number of threads woken, <= count, the longest waiting first
 *      KERN_INVALID_ARGUMENT   address not a multiple of 4
 *   The memory is not touched; an address where nobody waits gives 0.
 *
 * 4 futex_requeue(address, u32 wake_count, u32 expected, target, u32 move_count) -> number of threads
 *   woken and moved. The longest waiting at `address` are woken, at most wake_count; of those
 *   behind them at most move_count wait at `target` from then on, in the same order, behind
 *   those there: until a wake there, or their own deadline.
 *      KERN_RETRY              the word at `address` is not `expected`, or its page is being replaced; nobody is woken
 *                              or moved
 *      KERN_INVALID_ADDRESS    the word cannot be read
 *      KERN_ABORTED            the wait for its page was interrupted; nobody is woken or moved
 *      KERN_INVALID_ARGUMENT   address or target not a multiple of 4, or the same
 *   The word is looked at once, in one step with the first threads; a change while there are more
 *   to come stops nothing. The target's memory is not touched.
 *
 * 6 thread_exit(status) does not return. The last thread of a task ends the task with its status.
 *   Neither this trap nor futex_wake touches user memory: a thread can announce its end by a word
 *   and a futex_wake and leave while another already takes its stack away.
 *
 * 7 task_exit(status) does not return. All threads of the task end. Status: low 8 bits.
 *
 * 5 and 8 to 16 were traps once and are none again: KERN_INVALID_TRAP. Messages do what they did (interfaces/).
 *
 * SVC #1 msg: see wharf/message.h.
 *
 * 18 reply_keep() -> a name for the answer that the caller owes (MSG_REPLY): a send-once right, with
 *   which any thread of the task may answer later.
 *      MACH_RCV_NO_REPLY       the thread owes none
 *      KERN_NO_SPACE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE  it still owes it
 *
 * Futexes with owners: the word tells who holds what is waited for, and whoever waits lends its
 * priority to the owner, and through it to the owner of the futex that one waits for, at
 * most 8 threads away. An owner is named by its thread's port, a name in the task's space. 0, or a
 * name that denotes no living thread of the task, is nobody: then nothing is lent. What the
 * last of these traps said holds for all who wait there. What is lent ends when the waiter's wait ends,
 * however it ends, or another is the owner. An owner's end wakes nobody. These queues are not those of
 * traps 2 to 4, though the words may be the same.
 *
 * 19 futex_wait_pi(address, u32 expected, deadline, u32 owner) -> as futex_wait. `owner` owns
 *   the futex from then on; nothing changes if the thread does not wait.
 *      KERN_INVALID_ARGUMENT   address not a multiple of 4, or the owner is the caller
 *
 * 20 futex_wake_pi(address) -> 1, or 0 if nobody waits. The most urgent thread is woken, of equals the
 *   longest waiting; it is the owner for those that remain.
 *      KERN_INVALID_ARGUMENT   address not a multiple of 4
 *
 * 21 futex_requeue_pi(address, u32 wake_count, u32 expected, target, u32 move_count, u32 owner) -> as
 *   futex_requeue, from an ordinary futex to one with an owner, where the order is by priority.
 *   `owner`, who may be the caller, owns the target from then on.
 *
 * A lock's word holds its owner's name and one bit that says that somebody may wait: libsys/sync.c.
 */
#pragma once

#define TRAP_NEVER 0xffffffffffffffff /* a deadline that does not come */

#ifndef __ASSEMBLER__

enum trap_number {
#define TRAP(number, name, handler, arguments, doc) TRAP_##name = number,
#include <wharf/abi/traps.def>
#undef TRAP
};

#endif /* __ASSEMBLER__ */
