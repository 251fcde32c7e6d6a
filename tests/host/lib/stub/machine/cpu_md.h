/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs of the library tests: the record a test names, see stub.h.
 */
#pragma once

#include <kern/types.h>

struct arch_cpu {
    uint32_t unused;
};

extern _Thread_local struct cpu *stub_self;
void stub_relax(void);

static inline struct cpu *arch_cpu_self(void)
{
    return stub_self;
}

static inline void arch_cpu_relax(void)
{
    stub_relax();
}

static inline bool arch_irq_pending(void)
{
    return false;
}

static inline void arch_sim_point(void) {}
