/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/cpu_features.h - questions about the CPU the code runs on.
 */
#pragma once

#include <kern/types.h>

/** Iterations of the branch-history loop this CPU needs at entry from user mode; 0: none. */
unsigned arch_cpu_bhb_iterations(void);
