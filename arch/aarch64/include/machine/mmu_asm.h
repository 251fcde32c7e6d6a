/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of translation registers and descriptors that the entry code needs as plain constants. The
 * bits are those of mmu_md.h; trap.c checks that the two agree. Source: Arm ARM D8.3, D24 (TCR_EL1,
 * MAIR_EL1, SCTLR_EL1).
 */
#pragma once

/* SCTLR_EL1, MMU off: RES1 bits, EIS, EOS */
#define SCTLR_OFF     0x30d00800
/* SCTLR_EL2, MMU off: RES1 bits */
#define SCTLR_EL2_OFF 0x30c50830
/*
 * SCTLR_EL1, on: M(0) C(2) SA(3) SA0(4) nothing of A(1), I(12), DZE(14) UCT(15): user cache zero
 * and type, nTWI(16) nTWE(18): user WFI/WFE not trapped, WXN(19): what is writable is not
 * executable, whatever the entry says, UCI(26): user cache maintenance; bits 29, 28, 23, 22, 20, 11
 * RES1 (23 is SPAN where there is PAN: arch_cpu_init() clears it there).
 */
#define SCTLR_ON      0x34ddd81d

#define MAIR_VALUE_ASM 0x000444ff

/* T0SZ 16 for the identity map (arch_start makes it 25), T1SZ 16, write-back inner shareable
 * walks, TG1 4 KiB. */
#define TCR_BOOT                                                                              \
    (16 | (1 << 8) | (1 << 10) | (3 << 12) | (16 << 16) | (1 << 24) | (1 << 26) | (3 << 28) | \
     (2 << 30))

#define PTE_KERNEL_COMMON \
    0x0040000000000703 /* UXN, AF, inner shareable, normal memory, page, valid */
#define PTE_KERNEL_TEXT   (PTE_KERNEL_COMMON | 0x0004000000000080) /* read-only, guarded (BTI) */
#define PTE_KERNEL_RODATA (PTE_KERNEL_COMMON | 0x0020000000000080) /* read-only, PXN */
#define PTE_KERNEL_DATA   (PTE_KERNEL_COMMON | 0x0020000000000000) /* PXN */
#define PTE_IDENTITY_BLOCK \
    0x0040000000000781 /* UXN, AF, inner shareable, read-only, block, valid */

#define ARCH_SECONDARY_MAX 8
