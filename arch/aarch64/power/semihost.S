/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * void arch_semihost_exit(unsigned status)
 *
 * SYS_EXIT with the block {ADP_Stopped_ApplicationExit, status}. Where nothing answers, HLT is
 * undefined; its fixup returns to the caller.
 */
    .text
    .balign 16
    .globl  arch_semihost_exit
    .type   arch_semihost_exit, %function
arch_semihost_exit:
    hint    #34                            /* bti c */
    mov     w1, w0
    mov     x0, #0x0026
    movk    x0, #0x2, lsl #16
    stp     x0, x1, [sp, #-16]!
    mov     x1, sp
    mov     x0, #0x18                      /* SYS_EXIT */
1:  hlt     #0xf000
2:  add     sp, sp, #16
    ret
    .size   arch_semihost_exit, . - arch_semihost_exit

    .pushsection .extable, "a"
    .balign 4
    .long   1b - .
    .long   2b - .
    .popsection
