/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a thread goes on that is to take a signal: x0 = its former sp, x1 = its former pc, x2 = PROCESS_STOP_, x3 = its former x0, x4 = the stop (interfaces/process.defs). Makes a
 * ucontext_t on its stack, or on the alternate one, and calls signal_interrupted(context, kind, stop). If that returns it was a trap: x1 to x18 need no values.
 */
        .set CONTEXT, 848
        .set REGS, 40           /* uc_mcontext */
        .set VECTORS, REGS + 280

        .macro  vectors operation
        \operation      q0, q1, [x9]
        \operation      q2, q3, [x9, #32]
        \operation      q4, q5, [x9, #64]
        \operation      q6, q7, [x9, #96]
        \operation      q8, q9, [x9, #128]
        \operation      q10, q11, [x9, #160]
        \operation      q12, q13, [x9, #192]
        \operation      q14, q15, [x9, #224]
        \operation      q16, q17, [x9, #256]
        \operation      q18, q19, [x9, #288]
        \operation      q20, q21, [x9, #320]
        \operation      q22, q23, [x9, #352]
        \operation      q24, q25, [x9, #384]
        \operation      q26, q27, [x9, #416]
        \operation      q28, q29, [x9, #448]
        \operation      q30, q31, [x9, #480]
        .endm

        .section .text.signal_entry, "ax"
        .balign 16
        .global signal_entry
        .type   signal_entry, %function
signal_entry:
        adrp    x5, thread_leave_again
        add     x5, x5, #:lo12:thread_leave_again
        adrp    x6, thread_leave_end
        add     x6, x6, #:lo12:thread_leave_end
        cmp     x1, x5
        ccmp    x1, x6, #2, hs
        b.lo    thread_leave_again      /* it has no stack any more, and takes nothing */
        mov     x10, x4
        mrs     x4, tpidr_el0
        add     x4, x4, #:tprel_hi12:signal_stack, lsl #12
        add     x4, x4, #:tprel_lo12_nc:signal_stack
        ldp     x5, x6, [x4]            /* upper end, lower end */
        cbz     x5, 2f
        cmp     x0, x6
        b.ls    1f
        cmp     x0, x5
        b.ls    2f                      /* it is there already */
1:      mov     sp, x5
2:      mov     x5, sp
        and     x5, x5, #~15
        sub     x5, x5, #CONTEXT
        mov     sp, x5
        stp     xzr, xzr, [x5]
        stp     xzr, xzr, [x5, #16]
        str     xzr, [x5, #32]
        add     x6, x5, #REGS
        stp     x3, xzr, [x6]
        .irp    at, 16, 32, 48, 64, 80, 96, 112, 128
        stp     xzr, xzr, [x6, #\at]
        .endr
        str     xzr, [x6, #144]
        stp     x19, x20, [x6, #152]
        stp     x21, x22, [x6, #168]
        stp     x23, x24, [x6, #184]
        stp     x25, x26, [x6, #200]
        stp     x27, x28, [x6, #216]
        stp     x29, x30, [x6, #232]
        stp     x0, x1, [x6, #248]      /* sp, pc */
        stp     xzr, xzr, [x6, #264]
        add     x9, x5, #VECTORS
        vectors stp
        mrs     x7, fpsr
        mrs     x8, fpcr
        add     x9, x9, #512
        stp     w7, w8, [x9]
        mov     x0, x5
        mov     x1, x2
        mov     x2, x10
        mov     x19, x5
        mov     x29, #0
        mov     x30, #0
        bl      signal_interrupted
leave:  add     x9, x19, #VECTORS
        vectors ldp
        add     x9, x9, #512
        ldp     w7, w8, [x9]
        msr     fpsr, x7
        msr     fpcr, x8
        add     x6, x19, #REGS
        ldr     x0, [x6]
        ldp     x21, x22, [x6, #168]
        ldp     x23, x24, [x6, #184]
        ldp     x25, x26, [x6, #200]
        ldp     x27, x28, [x6, #216]
        ldp     x29, x30, [x6, #232]
        ldp     x16, x17, [x6, #248]
        ldp     x19, x20, [x6, #152]
        mov     sp, x16
        mov     x1, xzr
        mov     x2, xzr
        br      x17
        .size   signal_entry, . - signal_entry

/* signal_await_resume(registers): user_msg_trap() (<user/msg.h>), at a place that is known. */
        .global signal_await_resume
        .type   signal_await_resume, %function
signal_await_resume:
        mov     x16, x0
        ldp     x2, x3, [x16, #16]
        ldp     x4, x5, [x16, #32]
        ldp     x6, x7, [x16, #48]
        ldp     x9, x10, [x16, #64]
        ldp     x11, x12, [x16, #80]
        ldp     x13, x14, [x16, #96]
        ldp     x15, x18, [x16, #112]
        str     x16, [sp, #-16]!
        ldp     x0, x1, [x16]
        svc     #1
        ldr     x16, [sp], #16
        str     x0, [x16]
        ret
        .size   signal_await_resume, . - signal_await_resume
        .global signal_await_resume_end
signal_await_resume_end:

/* signal_move(moved): libsys/posix/signal.c. It begins with the context. */
        .global signal_move
        .type   signal_move, %function
signal_move:
        mov     sp, x0
        mov     x19, x0
        mov     x29, #0
        mov     x30, #0
        bl      signal_moved
        b       leave
        .size   signal_move, . - signal_move

/* signal_call(sp, handler, number, info, context) */
        .global signal_call
        .type   signal_call, %function
signal_call:
        stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        and     x0, x0, #~15
        mov     sp, x0
        mov     x9, x1
        mov     x0, x2
        mov     x1, x3
        mov     x2, x4
        blr     x9
        mov     sp, x29
        ldp     x29, x30, [sp], #16
        ret
        .size   signal_call, . - signal_call

        .section .note.GNU-stack, "", %progbits
