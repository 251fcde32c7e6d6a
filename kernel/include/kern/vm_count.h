/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to pages, counted by each CPU for itself and added up by who asks (host.memory_statistics). Interrupts are masked in
 * the kernel: no other writes to a CPU's counters, and there is no lock.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/types.h>

static inline void vm_count_many(enum vm_count what, uint64_t times)
{
    _Atomic uint64_t *counter = &arch_cpu_self()->vm_counts[what];
    relaxed_store(*counter, relaxed_load(*counter) + times);
}

static inline void vm_count(enum vm_count what)
{
    vm_count_many(what, 1);
}

/** One of what was counted has gone. */
static inline void vm_uncount(enum vm_count what)
{
    vm_count_many(what, UINT64_MAX);
}

/** Of all CPUs since the start; what happens at this moment may be in it or not. */
static inline uint64_t vm_counted(enum vm_count what)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        sum += relaxed_load(cpu_record[i].vm_counts[what]);
    return sum;
}

/** The same of what comes and goes: how much is there. */
static inline uint64_t vm_count_present(enum vm_count what)
{
    const int64_t sum = (int64_t)vm_counted(what);
    return sum > 0 ? (uint64_t)sum : 0; /* it may have gone between two CPUs' turns */
}
