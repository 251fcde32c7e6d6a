/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the message trap for a thread that called a kernel object (arch/message.h:arch_message_answer): the
 * answer's header comes in registers, not by way of the frame.
 */
#include "trap_impl.inc"
#include <machine/offsets.h>
#include <wharf/message.h>

/* The body of at most 64 bytes at x3, zero behind its end; x2 is the control word. */
.macro load_body
    tst     x2, #(0x70 << MSG_LENGTH_SHIFT)
    b.ne    2f
    ldr     x9, [x3]
    tbnz    x2, #(MSG_LENGTH_SHIFT + 3), 1f
    mov     x9, xzr
1:  mov     x10, xzr
    mov     x11, xzr
    mov     x12, xzr
    mov     x13, xzr
    mov     x14, xzr
    mov     x15, xzr
    mov     x18, xzr
.subsection 1                              /* 16 bytes or more */
2:  ldp     x9, x10, [x3]
    ldp     x11, x12, [x3, #16]
    ldp     x13, x14, [x3, #32]
    ldp     x15, x18, [x3, #48]
    ubfx    x17, x2, #MSG_LENGTH_SHIFT, #16
    cmp     x17, #16
    csel    x11, x11, xzr, hi
    cmp     x17, #24
    csel    x12, x12, xzr, hi
    cmp     x17, #32
    csel    x13, x13, xzr, hi
    cmp     x17, #40
    csel    x14, x14, xzr, hi
    cmp     x17, #48
    csel    x15, x15, xzr, hi
    cmp     x17, #56
    csel    x18, x18, xzr, hi
    b       3f
.previous
3:
.endm

    .text
    .balign 64
    .globl arch_message_exit_answer
    .type arch_message_exit_answer, %function
arch_message_exit_answer:                        /* x0: the thread, its frame first; x1: id */
    load_body
    mrs     x20, tpidr_el1
    ldr     w17, [x20, #CPU_RESCHEDULE]
    cbnz    w17, leave_by_frame
    ldp     x16, x17, [x0, #TF_pc]         /* a fault inside the kernel may have changed these two, but not SP_EL0 */
    msr     elr_el1, x16
    msr     spsr_el1, x17
    mov     sp, x0
    load_kept_registers
    mov     x0, xzr
    mov     x3, xzr
    mov     x4, xzr
    mov     x5, xzr
    mov     x6, xzr
    mov     x7, xzr
    mov     x8, xzr
    mov     x16, xzr
    mov     x17, xzr
    exception_return

leave_by_frame:                            /* another thread may be next */
    stp     xzr, x1, [x0, #TF_x0]
    stp     x2, xzr, [x0, #TF_x2]
    stp     xzr, xzr, [x0, #TF_x4]
    stp     xzr, xzr, [x0, #TF_x6]
    stp     xzr, x9, [x0, #TF_x8]
    stp     x10, x11, [x0, #TF_x10]
    stp     x12, x13, [x0, #TF_x12]
    stp     x14, x15, [x0, #TF_x14]
    stp     xzr, xzr, [x0, #TF_x16]
    str     x18, [x0, #TF_x18]
    b       arch_leave_kernel
