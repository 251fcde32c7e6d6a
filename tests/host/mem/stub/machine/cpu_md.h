/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs of the memory tests: a thread-local pointer to the record, nothing else. See stub.h.
 */
#pragma once

#include <kern/types.h>
#include <sched.h>

struct arch_cpu {
    uint32_t unused;
};

extern _Thread_local struct cpu *stub_self;

static inline struct cpu *arch_cpu_self(void)
{
    return stub_self;
}

static inline void arch_cpu_relax(void)
{
    sched_yield();
}

static inline bool arch_irq_pending(void)
{
    return false;
}

static inline void arch_sim_point(void) {}
