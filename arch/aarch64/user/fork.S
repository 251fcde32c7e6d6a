/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going on twice: see libsys/posix/fork.c. The frame: x19 to x30, sp, fpcr, d8 to d15, the child's thread's number, a word free.
 */
        .section .text.fork_save, "ax"
        .balign 16
        .global fork_save
        .type   fork_save, %function
fork_save:
        stp     x19, x20, [x0]
        stp     x21, x22, [x0, #16]
        stp     x23, x24, [x0, #32]
        stp     x25, x26, [x0, #48]
        stp     x27, x28, [x0, #64]
        stp     x29, x30, [x0, #80]
        mov     x1, sp
        mrs     x2, fpcr
        stp     x1, x2, [x0, #96]
        stp     d8, d9, [x0, #112]
        stp     d10, d11, [x0, #128]
        stp     d12, d13, [x0, #144]
        stp     d14, d15, [x0, #160]
        mov     x0, #0
        ret
        .size   fork_save, . - fork_save

        .section .text.fork_entry, "ax"
        .balign 16
        .global fork_entry
        .type   fork_entry, %function
fork_entry:
        mov     x3, sp
        str     x1, [x3, #176]
        ldp     x19, x20, [x3]
        ldp     x21, x22, [x3, #16]
        ldp     x23, x24, [x3, #32]
        ldp     x25, x26, [x3, #48]
        ldp     x27, x28, [x3, #64]
        ldp     x29, x30, [x3, #80]
        ldp     x1, x2, [x3, #96]
        ldp     d8, d9, [x3, #112]
        ldp     d10, d11, [x3, #128]
        ldp     d12, d13, [x3, #144]
        ldp     d14, d15, [x3, #160]
        msr     fpcr, x2
        mov     sp, x1
        ret
        .size   fork_entry, . - fork_entry

        .section .note.GNU-stack, "", %progbits
