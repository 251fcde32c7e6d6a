/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts, as arch hands them up. Those of devices are told to their drivers (kernel/device/interrupt.c); one
 * of a line that no device has is spurious: masked, completed, reported.
 *
 * And what CPUs ask each other by interrupts: to look at their flags, and to say that they hold no
 * pointer by G1 (kern/grace.h). Interrupts are taken at preemption points, so to take one is to say
 * so.
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/deadline.h>
#include <kern/device.h>
#include <kern/grace.h>
#include <kern/log.h>
#include <kern/sched.h>
#include <kern/trace.h>
#include <kern/work.h>

void kern_interrupt_slow(unsigned irq)
{
    if (interrupt_deliver(irq))
        return;
    bool masked = irq_line_mask_unowned(irq);
    arch_irq_deactivate(irq);
    if (masked)
        log_warn("irq: interrupt %u without an owner", irq);
}

[[gnu::noinline]] static void interrupt_traced(unsigned irq)
{
    trace(TRACE_IRQ, irq, 0);
    if (relaxed_load(arch_cpu_self()->watched) & TRACE_WATCH_ALL) /* of the message, too */
        kern_interrupt_slow(irq);
    else
        kern_interrupt_fast(irq);
}

void kern_interrupt(unsigned irq)
{
    if (unlikely(trace_is_on(TRACE_IRQ)))
        interrupt_traced(irq);
    else
        kern_interrupt_fast(irq);
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

/* --- grace periods --- */

static bool grace_step(struct work *work)
{
    uint64_t ask;
    bool more = grace_advance(arch_cpu_self()->number, &ask);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        if (ask >> i & 1)
            sched_kick(&cpu_record[i]);
    return more || !work_done(work);
}

/* As work_init() makes it, but there before any initialisation. */
static struct work grace_work = {
    .runnable = {.link = LIST_INIT(grace_work.runnable.link),
                 .priority = PRIORITY_REAP,
                 .kind = RUNNABLE_WORK},
    .step = grace_step,
    .state = WORK_IDLE,
};

void grace_call(struct grace *grace)
{
    if (grace_add(grace))
        work_start(&grace_work);
}

void kern_ipi(void)
{
    struct cpu *cpu = arch_cpu_self();
    trace(TRACE_IPI, cpu->number, 0);
    atomic_store_explicit(&cpu->reschedule, 1, memory_order_relaxed);
    if (unlikely(grace_asked(cpu->number)) && grace_answer(cpu->number))
        work_start(&grace_work);
}
