/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: instructions that a user program may not execute; see user/bad.h.
 */
        .macro  function name
        .section .text.\name, "ax"
        .balign 16
        .global \name
        .type   \name, %function
\name:
        .endm

        function bad_undefined
        udf     #0x1234
        ret

        function bad_privileged
        msr     sctlr_el1, xzr
        ret

        function bad_breakpoint
        brk     #7
        ret

        function bad_pc_alignment
        adr     x9, bad_pc_alignment
        add     x9, x9, #2
        br      x9

        .section .note.GNU-stack, "", %progbits
