/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU the code runs on. The kernel runs with interrupts masked from entry to exit; it polls at
 * preemption points.
 *
 * machine/cpu_md.h supplies `struct arch_cpu` (embedded first in struct cpu) and the inline
 * functions.
 */
#pragma once

#include <kern/types.h>

struct cpu;

/** This CPU's record. One instruction; constant while the kernel runs, for there is no migration
 *  inside the kernel. */
static inline struct cpu *arch_cpu_self(void);

/** In every spin loop: lets a sibling, or the emulator, run. */
static inline void arch_cpu_relax(void);

/** True if an interrupt waits to be taken on this CPU. What preemption points poll. */
static inline bool arch_irq_pending(void);

/**
 * A point where the simulated machine may let another simulated CPU run. Nothing on real machines.
 * Called before a lock is taken and after it is released, so that seeded schedules interleave
 * critical sections.
 */
static inline void arch_sim_point(void);

/** Name this CPU's record: called once by each CPU before anything that needs arch_cpu_self(). */
void arch_cpu_set_self(struct cpu *cpu);

/** Per-CPU hardware state every CPU sets up for itself: errata, PMU, speculation measures, traps
 *  off or on. */
void arch_cpu_init(struct cpu *cpu, bool mitigations);

/** Give cpu its kernel stack, with an unmapped guard page below. KERN_RESOURCE_SHORTAGE. Boot CPU,
 *  for every CPU. */
kern_return_t arch_cpu_make_stack(struct cpu *cpu);

/** The stack of this CPU that the address `inside` lies in, as [*low, *high); both 0 if none.
 *  Backtraces follow frame records only there. */
void arch_cpu_stack_bounds(vaddr_t inside, vaddr_t *low, vaddr_t *high);

/** Let user code read this CPU's cycle and instruction counters. False: there are none. Every CPU
 *  for itself. */
bool arch_pmu_enable_user(void);

/** Stop this CPU for good, interrupts masked, in the deepest state that needs no firmware. */
[[gnu::noreturn]] void arch_cpu_halt(void);

/** Print the CPU's registers as they are now, through the log. For panic. */
void arch_cpu_report(void);

/** What the CPU is, for the boot log and reports, e.g. "Cortex-A72 r0p3". Static storage of the
 *  CPU's own. */
const char *arch_cpu_name(void);

#include <machine/cpu_md.h>
