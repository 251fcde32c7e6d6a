/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/smp.h on the simulated machine.
 */
#include "machine.h"

#include <arch/smp.h>

kern_return_t arch_smp_start(struct cpu *cpu, const struct board_cpu *description,
                             const struct board *board)
{
    (void)description, (void)board;
    unsigned index = (unsigned)(cpu - cpu_record);
    if (!host_on_cpu || index >= host_machine.config.cpus ||
        host_machine.cpu[index].state != CPU_OFF)
        return KERN_NOT_SUPPORTED;
    if (host_machine.config.refuse_cpus >> index & 1)
        return KERN_FAILURE;
    host_machine.driver->start_cpu(&host_machine.cpu[index]);
    return KERN_SUCCESS;
}

void arch_ipi_send(struct cpu *target)
{
    if (host_on_cpu)
        host_post_event(&host_machine.cpu[target - cpu_record], EVENT_IPI);
}

/* The others halt when they next leave the kernel. */
void arch_smp_stop_others(void)
{
    if (!host_on_cpu)
        return;
    for (unsigned i = 0; i < host_machine.config.cpus; i++)
        if (&host_machine.cpu[i] != host_this)
            host_post_event(&host_machine.cpu[i], EVENT_HALT);
}
