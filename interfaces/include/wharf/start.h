/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel hands to the first thread of a program.
 *
 * Registers at the program's entry point (ELF e_entry): x0 = address of a struct start_info, sp = a
 * multiple of 16 at or below it, all other general registers, TPIDR_EL0, FPCR, FPSR and v0 to v31
 * zero. The block and the strings it points to lie at the upper end of the stack and are the
 * program's own.
 *
 * The stack is START_STACK_SIZE bytes, readable and writable; the page below it is never mapped.
 */
#pragma once

#include <stdint.h>

#define START_MAGIC      0x57484152463a5331 /* "WHARF:S1" read as a big-endian number */
#define START_STACK_SIZE 0x10000

struct start_info {
    uint64_t magic;             /* START_MAGIC */
    uint64_t size;              /* of this structure; later versions only append */
    const char *arguments;      /* the arg= words of the boot line, a blank between them; or "" */
    const char *name;           /* of the program, as init= named it */
    uint64_t entry_counter;     /* CNTVCT_EL0 at the kernel's first instruction: clock zero */
    uint64_t counter_frequency; /* of CNTVCT_EL0, Hz */
    uint8_t seed[16];           /* different for each program, repeated by the same seed= */
};
