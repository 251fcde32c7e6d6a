/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_pattern_trap(in, out): see user/msg_pattern.h. Around the trap nothing but sp can be relied on, so what has to survive,
 * and the general registers at first, lie in a frame on the stack.
 */
        .set    OFFSET_TPIDRRO, 248     /* struct register_file */
        .set    OFFSET_V,       256
        .set    OFFSET_FPCR,    768

        .set    FRAME_KEPT,     0       /* x19 to x30 */
        .set    FRAME_VECTORS,  96      /* d8 to d15 */
        .set    FRAME_FPCR,     160     /* and FPSR */
        .set    FRAME_OUT,      176
        .set    FRAME_RESULT,   192     /* x0 to x30 */
        .set    FRAME_SIZE,     448

        .macro  kept operation
        .irp    n, 19,20,21,22,23,24,25,26,27,28,29,30
        \operation x\n, [sp, #FRAME_KEPT + 8 * (\n - 19)]
        .endr
        .irp    n, 8,9,10,11,12,13,14,15
        \operation d\n, [sp, #FRAME_VECTORS + 8 * (\n - 8)]
        .endr
        .endm

/* All vector registers from or to x9. */
        .macro  vectors operation
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15, \
                16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        \operation q\n, [x9, #16 * \n]
        .endr
        .endm

        .section .text.msg_pattern_trap, "ax"
        .balign 16
        .global msg_pattern_trap
        .type   msg_pattern_trap, %function
msg_pattern_trap:
        sub     sp, sp, #FRAME_SIZE
        kept    str
        mrs     x9, fpcr
        mrs     x10, fpsr
        stp     x9, x10, [sp, #FRAME_FPCR]
        str     x1, [sp, #FRAME_OUT]

        add     x9, x0, #OFFSET_V
        vectors ldr
        ldr     x10, [x0, #OFFSET_FPCR]
        ldr     x11, [x0, #OFFSET_FPCR + 8]
        msr     fpcr, x10
        msr     fpsr, x11
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,0
        ldr     x\n, [x0, #8 * \n]
        .endr
        svc     #1
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        str     x\n, [sp, #FRAME_RESULT + 8 * \n]
        .endr

        ldr     x0, [sp, #FRAME_OUT]
        add     x9, x0, #OFFSET_V
        vectors str
        mrs     x10, fpcr
        mrs     x11, fpsr
        str     x10, [x0, #OFFSET_FPCR]
        str     x11, [x0, #OFFSET_FPCR + 8]
        mrs     x10, tpidrro_el0
        str     x10, [x0, #OFFSET_TPIDRRO]
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        ldr     x10, [sp, #FRAME_RESULT + 8 * \n]
        str     x10, [x0, #8 * \n]
        .endr

        ldp     x9, x10, [sp, #FRAME_FPCR]
        msr     fpcr, x9
        msr     fpsr, x10
        kept    ldr
        add     sp, sp, #FRAME_SIZE
        ret
        .size   msg_pattern_trap, . - msg_pattern_trap

        .section .note.GNU-stack, "", %progbits
