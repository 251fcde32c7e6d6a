/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uint64_t fp_pattern_hold(uint64_t seed, uint64_t loops)   see user/fp_pattern.h
 *
 * Vector register n holds seed << 8 | n in its low and the complement of it in its high half. FPCR
 * holds the rounding mode seed % 4, FPSR the flags seed % 32. v8 to v15 are the caller's: saved.
 */
        .section .text.fp_pattern_hold, "ax"
        .balign 16
        .global fp_pattern_hold
        .type   fp_pattern_hold, %function
fp_pattern_hold:
        stp     d8, d9, [sp, #-64]!
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        mrs     x9, fpcr
        mrs     x10, fpsr

        ubfiz   x11, x0, #22, #2        /* FPCR.RMode */
        msr     fpcr, x11
        and     x12, x0, #31            /* FPSR: the five cumulative flags below IDC */
        msr     fpsr, x12
        lsl     x2, x0, #8
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15, \
                16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        mvn     x3, x2
        fmov    d\n, x2
        mov     v\n\().d[1], x3
        add     x2, x2, #1
        .endr

1:      subs    x1, x1, #1
        b.ne    1b

        mov     x4, #0                  /* registers damaged */
        lsl     x2, x0, #8
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15, \
                16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fmov    x5, d\n
        umov    x6, v\n\().d[1]
        mvn     x3, x2
        cmp     x5, x2
        ccmp    x6, x3, #0, eq
        cinc    x4, x4, ne
        add     x2, x2, #1
        .endr
        mrs     x5, fpcr
        cmp     x5, x11
        cinc    x4, x4, ne
        mrs     x5, fpsr
        cmp     x5, x12
        cinc    x4, x4, ne
        mov     x0, x4

        msr     fpcr, x9
        msr     fpsr, x10
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     d8, d9, [sp], #64
        ret
        .size   fp_pattern_hold, . - fp_pattern_hold

        .section .note.GNU-stack, "", %progbits
