/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller. Interrupts are named by the controller's number (INTID on a GIC). End
 * of interrupt is
 * split: the arch drops the priority when it hands the interrupt to the kernel, and the line stays
 * active (cannot fire again) until arch_irq_deactivate().
 */
#pragma once

#include <kern/types.h>

struct board;

enum irq_trigger { IRQ_LEVEL, IRQ_EDGE };

/** Set up the controller the board names: all shared lines off. Boot CPU, once, before SMP. */
kern_return_t arch_irq_init(const struct board *board);

/** Set up this CPU's part of it. Every CPU, after arch_irq_init(). */
void arch_irq_cpu_init(void);

/** Number of interrupt numbers the controller has (valid: 0 .. count - 1). */
unsigned arch_irq_count(void);

/** Let a line interrupt, or not. Any CPU for shared lines; private lines of this CPU.
 *  Out-of-range: ignored. */
void arch_irq_unmask(unsigned irq);
void arch_irq_mask(unsigned irq);

/** Say how a shared line signals. The line must be masked; what has come before stays pending. KERN_INVALID_ARGUMENT for
 *  numbers without choice. */
kern_return_t arch_irq_configure(unsigned irq, enum irq_trigger trigger);

/** Deliver a shared line to one CPU. */
kern_return_t arch_irq_route(unsigned irq, unsigned cpu);

/** Does a shared line ask to be served: is a level line up, or has an edge come? Whether it is masked or active does not matter. */
bool arch_irq_is_raised(unsigned irq);

/** An edge that a shared line has had, and that has not been delivered, is forgotten. Any CPU; whether the line is masked does not matter. A
 *  level line that is up stays so. */
void arch_irq_forget(unsigned irq);

/** The interrupt's source has been served: it may fire again. Completes the priority drop done at
 *  delivery. */
void arch_irq_deactivate(unsigned irq);

/** Take every pending interrupt of this CPU and hand it up (kern_interrupt, kern_timer, kern_ipi).
 *  Interrupts masked; what preemption points and the idle loop call. */
void arch_irq_poll(void);
