/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FP/SIMD registers to memory and back (struct fp_state). The one file of the kernel that uses
 * these registers. All of it changes x2 and x3 only, besides.
 */
    .arch_extension fp
    .arch_extension simd

.macro save base
    stp     q0, q1, [\base, #0]
    stp     q2, q3, [\base, #32]
    stp     q4, q5, [\base, #64]
    stp     q6, q7, [\base, #96]
    stp     q8, q9, [\base, #128]
    stp     q10, q11, [\base, #160]
    stp     q12, q13, [\base, #192]
    stp     q14, q15, [\base, #224]
    stp     q16, q17, [\base, #256]
    stp     q18, q19, [\base, #288]
    stp     q20, q21, [\base, #320]
    stp     q22, q23, [\base, #352]
    stp     q24, q25, [\base, #384]
    stp     q26, q27, [\base, #416]
    stp     q28, q29, [\base, #448]
    stp     q30, q31, [\base, #480]
    mrs     x2, fpcr
    mrs     x3, fpsr
    str     x2, [\base, #512]
    str     x3, [\base, #520]
.endm

.macro load base
    ldp     q0, q1, [\base, #0]
    ldp     q2, q3, [\base, #32]
    ldp     q4, q5, [\base, #64]
    ldp     q6, q7, [\base, #96]
    ldp     q8, q9, [\base, #128]
    ldp     q10, q11, [\base, #160]
    ldp     q12, q13, [\base, #192]
    ldp     q14, q15, [\base, #224]
    ldp     q16, q17, [\base, #256]
    ldp     q18, q19, [\base, #288]
    ldp     q20, q21, [\base, #320]
    ldp     q22, q23, [\base, #352]
    ldp     q24, q25, [\base, #384]
    ldp     q26, q27, [\base, #416]
    ldp     q28, q29, [\base, #448]
    ldp     q30, q31, [\base, #480]
    ldr     x2, [\base, #512]
    ldr     x3, [\base, #520]
    msr     fpcr, x2
    msr     fpsr, x3
.endm

    .text
    .globl arch_fp_save
arch_fp_save:
    bti     c
    save    x0
    ret

    .globl arch_fp_load
arch_fp_load:
    bti     c
    load    x0
    ret

/* Save to x0, load from x1. */
    .globl arch_fp_exchange
arch_fp_exchange:
    save    x0
    load    x1
    ret
