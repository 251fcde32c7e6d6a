/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a program starts, where its further threads start, and how a thread leaves.
 */
#define TRAP(number, name, handler, arguments, doc) .set TRAP_NUMBER_##name, number
#include <wharf/abi/traps.def>

/* x0 = start block (wharf/start.h), x1 = the thread's number, sp = stack, all else zero. The very first instruction reads the
 * counter: the boot benchmark counts up to here. x29 and x30 are zero: the call stack ends here. */
        .section .text._start, "ax"
        .balign 16
        .global _start
        .type   _start, %function
_start:
        mrs     x2, cntvct_el0
        bl      program_start
        brk     #0                      /* program_start does not return */
        .size   _start, . - _start

/* A thread made by thread_start(): x0 = its struct thread. */
        .section .text.thread_entry, "ax"
        .balign 16
        .global thread_entry
        .type   thread_entry, %function
thread_entry:
        bl      thread_main
        brk     #0
        .size   thread_entry, . - thread_entry

/* thread_leave(_Atomic uint32_t *alive, uint64_t status): store 0 to *alive, wake the joiner, end.
 * From the store on the stack may be gone, so nothing below touches memory. Who stopped the thread for a signal lets it go on at
 * thread_leave_again if it was from there to thread_leave_end (signal.S). */
        .section .text.thread_leave, "ax"
        .balign 16
        .global thread_leave
        .global thread_leave_again
        .global thread_leave_end
        .type   thread_leave, %function
thread_leave:
        mov     x19, x1
        mov     x20, x0
        stlr    wzr, [x20]
thread_leave_again:
        mov     x0, x20
        mov     x1, #0x7fffffff
        mov     x8, #TRAP_NUMBER_futex_wake
        svc     #0
        mov     x0, x19
        mov     x8, #TRAP_NUMBER_thread_exit
        svc     #0
        brk     #0
thread_leave_end:
        .size   thread_leave, . - thread_leave

        .section .note.GNU-stack, "", %progbits
