/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/sysreg.h - system registers and barriers.
 *
 * Registers that an ARMv8.0 assembler does not know by name are given here as encodings, so that
 * one compiler setting builds code for newer CPUs too. Every access is volatile and a compiler
 * barrier: neither the compiler nor a reader has to ask what moves across it.
 */
#pragma once

#include <stdint.h>

#define sysreg_read(name)                                                              \
    ({                                                                                 \
        uint64_t sysreg_value_;                                                        \
        asm volatile("mrs %0, " SYSREG_TEXT(name) : "=r"(sysreg_value_) : : "memory"); \
        sysreg_value_;                                                                 \
    })
#define sysreg_write(name, value) \
    asm volatile("msr " SYSREG_TEXT(name) ", %0" : : "r"((uint64_t)(value)) : "memory")

/* Two steps, so that a name from below is replaced by its encoding before it becomes text. */
#define SYSREG_TEXT(name)   SYSREG_QUOTED(name)
#define SYSREG_QUOTED(name) #name

/* Identification registers later than ARMv8.0 */

/* Activity monitors: what user code may read */
#define SYSREG_AMUSERENR S3_3_C13_C2_3

/* Fields of PSTATE, by register */
#define SYSREG_PAN  S3_0_C4_C2_3 /* value in bit 22 */
#define SYSREG_SSBS S3_3_C4_C2_6 /* value in bit 12 */

/* GICv3 CPU interface */
#define SYSREG_ICC_PMR     S3_0_C4_C6_0
#define SYSREG_ICC_AP1R0   S3_0_C12_C9_0
#define SYSREG_ICC_AP1R1   S3_0_C12_C9_1
#define SYSREG_ICC_AP1R2   S3_0_C12_C9_2
#define SYSREG_ICC_AP1R3   S3_0_C12_C9_3
#define SYSREG_ICC_DIR     S3_0_C12_C11_1
#define SYSREG_ICC_SGI1R   S3_0_C12_C11_5
#define SYSREG_ICC_IAR1    S3_0_C12_C12_0
#define SYSREG_ICC_EOIR1   S3_0_C12_C12_1
#define SYSREG_ICC_BPR1    S3_0_C12_C12_3
#define SYSREG_ICC_CTLR    S3_0_C12_C12_4
#define SYSREG_ICC_SRE     S3_0_C12_C12_5
#define SYSREG_ICC_IGRPEN1 S3_0_C12_C12_7

/* Cortex-A57 and A72 only */
#define SYSREG_A72_CPUACTLR S3_1_C15_C2_0

/** Everything before it has taken effect for the instructions after it: after system registers. */
static inline void isb(void)
{
    asm volatile("isb" : : : "memory");
}

/** All memory accesses before it are complete, devices included. */
static inline void dsb_sy(void)
{
    asm volatile("dsb sy" : : : "memory");
}

/** All stores before it are complete as seen by the other CPUs. */
static inline void dsb_ishst(void)
{
    asm volatile("dsb ishst" : : : "memory");
}

/** The affinity fields of an MPIDR value, as in `hwid` and the device tree. */
#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)
