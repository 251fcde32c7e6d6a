/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine's part of a CPU record.
 *
 * In deterministic mode all simulated CPUs share one host thread and `host_self` changes when the
 * machine switches from one to another; in threads mode every CPU is a host thread and has its own.
 * Unit tests that need no machine name the CPU they pretend to be with arch_cpu_set_self() and may
 * change it at any time.
 */
#pragma once

#include <kern/types.h>

struct arch_thread;

struct arch_cpu {
    unsigned index; /* number of the record; constant */
    struct arch_thread
        *loaded;              /* whose FP state and thread pointer are in the registers. Own CPU */
    uint64_t fp;              /* the simulated FP registers. Own CPU */
    uint64_t message_body[8]; /* those of a message on the fast way. Own CPU */
    bool message_whole;       /* arch_message_leave_whole(). Own CPU */
    vaddr_t tls;              /* the simulated thread pointer. Own CPU */
};

extern _Thread_local struct cpu *host_self;
/** A machine is running and this host thread is one of its CPUs. */
extern _Thread_local bool host_on_cpu;

/** Number of the CPU that runs; 0 before any CPU has been named. */
unsigned host_cpu_index(void);

void host_sim_point(void);
void host_cpu_relax(void);
bool host_irq_pending(void);

static inline struct cpu *arch_cpu_self(void)
{
    return host_self;
}

static inline void arch_cpu_relax(void)
{
    host_cpu_relax();
}

static inline bool arch_irq_pending(void)
{
    return host_irq_pending();
}

static inline void arch_sim_point(void)
{
    if (host_on_cpu)
        host_sim_point();
}
