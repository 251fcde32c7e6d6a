/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting the kernel come to rest, for self-tests and their runner (kern/ktest_task.h).
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/amap.h>
#include <kern/cpu.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>
#include <kern/port.h>

static ticks_t in_five_seconds(void)
{
    return arch_counter() + arch_counter_frequency() * 5;
}

struct thread *ktest_settle(void)
{
    struct cpu *cpu = arch_cpu_self();
    ticks_t limit = in_five_seconds();

    /* Other CPUs may ask anew at any moment: the flag is looked at once a round, and not afterwards. */
    while (atomic_load(&cpu->reschedule)) {
        kern_schedule();
        if (!KTEST_EXPECT(arch_counter() < limit))
            break;
    }
    return cpu->current;
}

/* Grace periods need their work item to run, and the other CPUs to take an interrupt. */
void ktest_rest(void)
{
    ticks_t limit = in_five_seconds();

    while (!(reaper_is_idle() && amap_reaper_is_idle()) && arch_counter() < limit) {
        (void)ktest_settle();
        if (arch_irq_pending())
            arch_irq_poll();
        arch_cpu_relax();
    }
    KTEST_EXPECT(reaper_is_idle() && amap_reaper_is_idle());
}
