/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets the assembler knows. C checks them in arch/aarch64/trap/trap.c.
 */
#pragma once

/* struct cpu */
#define CPU_STACK_TOP     0
#define CPU_SCRATCH       8
#define CPU_SCRATCH_KIND  24
#define CPU_STACK_BOTTOM  32
#define CPU_EMERGENCY_TOP 40
#define CPU_RESTART       48
#define CPU_CURRENT       72
#define CPU_RESCHEDULE    80

/* size of struct trap_frame; also what a fault in the kernel pushes */
#define TRAP_FRAME_SIZE 272

#ifdef __ASSEMBLER__
#define TF_REG(name, offset) .equ TF_##name, offset;
#include <machine/trapframe.def>
#undef TF_REG
#endif
