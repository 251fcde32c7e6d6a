/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts, as arch hands them up. Device interrupts get owners with the device ports; until then
 * nobody unmasks a shared line, so one that comes is spurious: masked, counted, completed.
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/deadline.h>
#include <kern/log.h>
#include <kern/sched.h>
#include <kern/trace.h>

void kern_interrupt(unsigned irq)
{
    trace(TRACE_IRQ, irq, 0);
    arch_irq_mask(irq);
    arch_irq_deactivate(irq);
    log_warn("irq: interrupt %u without an owner", irq);
}

void kern_timer(void)
{
    struct cpu *cpu = arch_cpu_self();
    trace(TRACE_TIMER, cpu->alarm, 0);
    cpu->alarm = TICKS_NEVER; /* the hardware's is off */
    deadline_run_expired();
    if (cpu->turn_end <= arch_counter()) {
        cpu->turn_end = TICKS_NEVER;
        atomic_store_explicit(&cpu->reschedule, 1, memory_order_relaxed);
    }
    sched_alarm_update();
}

void kern_ipi(void)
{
    struct cpu *cpu = arch_cpu_self();
    trace(TRACE_IPI, cpu->number, 0);
    atomic_store_explicit(&cpu->reschedule, 1, memory_order_relaxed);
}
