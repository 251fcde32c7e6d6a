/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/fixup.h - instructions of the kernel that may fault, and where to go on then.
 *
 * A row of section .extable: two 32-bit words, each the distance from itself to the instruction and
 * to the place to resume, which cannot rely on x16 and the flags.
 */
#pragma once

#include <kern/types.h>

/** If the instruction at pc may fault: true, and where to go on. */
bool arch_fixup_lookup(uint64_t pc, uint64_t *resume);
