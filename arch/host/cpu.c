/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/cpu.h on the simulated machine.
 */
#include "machine.h"

#include <arch/cpu.h>
#include <stdlib.h>

_Thread_local struct cpu *host_self;
_Thread_local bool host_on_cpu;

unsigned host_cpu_index(void)
{
    return host_self ? (unsigned)(host_self - cpu_record) : 0;
}

void arch_cpu_set_self(struct cpu *cpu)
{
    cpu->arch.index = (unsigned)(cpu - cpu_record);
    host_self = cpu;
}

void arch_cpu_init(struct cpu *cpu, bool mitigations)
{
    (void)mitigations;
    cpu->arch.loaded = NULL;
}

kern_return_t arch_cpu_make_stack(struct cpu *cpu)
{
    (void)cpu; /* the driver gives each CPU one when it starts */
    return KERN_SUCCESS;
}

/* Only coroutines know their stack; elsewhere no frames are followed. */
void arch_cpu_stack_bounds(vaddr_t inside, vaddr_t *low, vaddr_t *high)
{
    bool known = host_on_cpu && inside >= host_this->stack_low && inside < host_this->stack_high;
    *low = known ? host_this->stack_low : 0;
    *high = known ? host_this->stack_high : 0;
}

void arch_cpu_report(void) {}

bool arch_pmu_enable_user(void)
{
    return false;
}

const char *arch_cpu_name(void)
{
    return "simulated";
}

void host_sim_point(void)
{
    host_machine.driver->sim_point(host_this);
}

void host_cpu_relax(void)
{
    if (host_on_cpu)
        host_machine.driver->relax(host_this);
}

/* In a test without a machine nothing is left that could stop it. */
void arch_cpu_halt(void)
{
    if (host_on_cpu)
        host_machine.driver->leave(host_this);
    host_machine_fail("halted");
}
