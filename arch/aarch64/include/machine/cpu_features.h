/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/cpu_features.h - questions about the CPU the code runs on.
 */
#pragma once

#include <kern/types.h>

/** Iterations of the branch-history loop this CPU needs at entry from user mode; 0: none. */
unsigned arch_cpu_bhb_iterations(void);

static inline bool arch_cpu_needs_bhb_loop(void)
{
    return arch_cpu_bhb_iterations() != 0;
}

/** Let user code read this CPU's cycle counter and instruction counter (event counter 0, event 8),
 *  both started at 0. Boot option pmu=user; every CPU, after arch_cpu_init(). False: no PMU. */
bool arch_pmu_enable_user(void);
