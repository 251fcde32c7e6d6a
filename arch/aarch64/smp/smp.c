/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting and stopping CPUs. Interrupts between CPUs are in irq/.
 */
#include "../irq/irq_impl.h"

#include <arch/cpu.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/dt.h>
#include <machine/image.h>
#include <machine/smp_md.h>
#include <stdatomic.h>

struct arch_secondary arch_secondary_table[MAX_CPUS];

/* CPUs that smp_stop_self() has halted. */
static _Atomic uint32_t stopped;

#define STOP_US 10000

kern_return_t arch_smp_start(struct cpu *cpu, const struct board_cpu *description,
                             const struct board *board)
{
    if (!irq_reaches_cpu(description->mpidr))
        return KERN_FAILURE; /* no redistributor: it could neither be woken nor preempted */

    /* The row is read with the MMU on; the DSBs on both ways out put it before the start. */
    struct arch_secondary *row = &arch_secondary_table[cpu->number];
    row->hwid = description->mpidr;
    __atomic_store_n(&row->cpu, (uint64_t)cpu, __ATOMIC_RELEASE);
    paddr_t entry = arch_image_physical(arch_secondary_entry);
    kern_return_t kr;
    switch (description->method) {
    case BOARD_ENABLE_PSCI:
        psci_init(&board->psci);
        kr = psci_cpu_on(description->mpidr, entry, 0);
        break;
    case BOARD_ENABLE_SPIN_TABLE:
        kr = spin_table_start(description->release_addr, entry, board);
        break;
    default: kr = KERN_NOT_SUPPORTED; break;
    }
    if (kr != KERN_SUCCESS)
        __atomic_store_n(&row->cpu, 0, __ATOMIC_RELEASE);
    return kr;
}

void smp_stop_self(void)
{
    atomic_fetch_add_explicit(&stopped, 1, memory_order_release);
    arch_cpu_halt();
}

/*
 * A CPU that is in the kernel stops when it next polls; one that never does again is what the bound
 * is for.
 */
void arch_smp_stop_others(void)
{
    const struct cpu *self = arch_cpu_self();
    uint32_t asked = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = &cpu_record[i];
        if (cpu == self || !atomic_load_explicit(&cpu->online, memory_order_acquire))
            continue;
        irq_send_sgi(cpu, SGI_STOP);
        asked++;
    }
    ticks_t start = arch_counter();
    ticks_t limit = timer_ticks_of_us(STOP_US);
    while (atomic_load_explicit(&stopped, memory_order_acquire) < asked) {
        if (arch_counter() - start > limit)
            return;
        arch_cpu_relax();
    }
}
