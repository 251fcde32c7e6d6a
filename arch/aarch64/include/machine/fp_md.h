/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FP/SIMD registers to memory and back. But for arch_copy_page(), which leaves them as they are, this is the one place of the
 * kernel that uses these registers. Access must be open (CPACR_EL1.FPEN).
 */
#pragma once

#include <kern/types.h>

struct fp_state {
    __uint128_t v[32];
    uint64_t fpcr, fpsr;
};

#define FP_ARCH ".arch_extension fp\n\t.arch_extension simd\n\t"

static inline void fp_registers_save(struct fp_state *fp)
{
    __asm__ volatile(FP_ARCH "stp q0, q1, [%0, #0]\n\t"
                             "stp q2, q3, [%0, #32]\n\t"
                             "stp q4, q5, [%0, #64]\n\t"
                             "stp q6, q7, [%0, #96]\n\t"
                             "stp q8, q9, [%0, #128]\n\t"
                             "stp q10, q11, [%0, #160]\n\t"
                             "stp q12, q13, [%0, #192]\n\t"
                             "stp q14, q15, [%0, #224]\n\t"
                             "stp q16, q17, [%0, #256]\n\t"
                             "stp q18, q19, [%0, #288]\n\t"
                             "stp q20, q21, [%0, #320]\n\t"
                             "stp q22, q23, [%0, #352]\n\t"
                             "stp q24, q25, [%0, #384]\n\t"
                             "stp q26, q27, [%0, #416]\n\t"
                             "stp q28, q29, [%0, #448]\n\t"
                             "stp q30, q31, [%0, #480]" ::"r"(fp)
                     : "memory");
    __asm__ volatile("mrs %0, fpcr" : "=r"(fp->fpcr));
    __asm__ volatile("mrs %0, fpsr" : "=r"(fp->fpsr));
}

static inline void fp_registers_load(const struct fp_state *fp)
{
    __asm__ volatile(FP_ARCH "ldp q0, q1, [%0, #0]\n\t"
                             "ldp q2, q3, [%0, #32]\n\t"
                             "ldp q4, q5, [%0, #64]\n\t"
                             "ldp q6, q7, [%0, #96]\n\t"
                             "ldp q8, q9, [%0, #128]\n\t"
                             "ldp q10, q11, [%0, #160]\n\t"
                             "ldp q12, q13, [%0, #192]\n\t"
                             "ldp q14, q15, [%0, #224]\n\t"
                             "ldp q16, q17, [%0, #256]\n\t"
                             "ldp q18, q19, [%0, #288]\n\t"
                             "ldp q20, q21, [%0, #320]\n\t"
                             "ldp q22, q23, [%0, #352]\n\t"
                             "ldp q24, q25, [%0, #384]\n\t"
                             "ldp q26, q27, [%0, #416]\n\t"
                             "ldp q28, q29, [%0, #448]\n\t"
                             "ldp q30, q31, [%0, #480]" ::"r"(fp)
                     : "memory");
    __asm__ volatile("msr fpcr, %0" ::"r"(fp->fpcr));
    __asm__ volatile("msr fpsr, %0" ::"r"(fp->fpsr));
}
