/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interruptible_call(function, argument), interruptible_jump(result): see libsys/posix/interruptible.h. The frame: x19 to x30, d8 to d15; and the
 * two arguments. interruptible_jump(result, retry): result == retry: the function is called again.
 */

        .macro  slot register
        mrs     \register, tpidr_el0
        add     \register, \register, #:tprel_hi12:interruptible_stack, lsl #12
        add     \register, \register, #:tprel_lo12_nc:interruptible_stack
        .endm

        .section .text.interruptible_call, "ax"
        .balign 16
        .global interruptible_call
        .type   interruptible_call, %function
interruptible_call:
        stp     x29, x30, [sp, #-176]!
        mov     x29, sp
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        stp     x0, x1, [sp, #160]
again:  mov     x29, sp
        ldp     x1, x0, [sp, #160]
        slot    x2
        mov     x3, sp
        str     x3, [x2]
        blr     x1
out:    slot    x2
        str     xzr, [x2]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp], #176
        ret

        .global interruptible_jump
        .type   interruptible_jump, %function
interruptible_jump:
        slot    x2
        ldr     x3, [x2]
        mov     sp, x3
        cmp     w0, w1
        b.eq    again
        b       out
        .size   interruptible_call, . - interruptible_call

        .section .note.GNU-stack, "", %progbits
