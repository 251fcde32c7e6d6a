/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AArch64 part of a CPU record, found through TPIDR_EL1. Offsets are known to the entry code
 * (offsets.h).
 */
#pragma once

#include <kern/types.h>

struct arch_cpu {
    uint64_t stack_top;  /* kernel stack: where every entry from user mode starts. Constant */
    uint64_t scratch[2]; /* entry code: registers saved while a fault in the kernel is sorted out */
    uint64_t scratch_kind;  /* entry code: not 0 if that fault was synchronous */
    uint64_t stack_bottom;  /* lowest valid stack address, the guard page is below. Constant */
    uint64_t emergency_top; /* stack for reports when the kernel stack itself is gone. Constant */
    uint64_t
        restart; /* not 0: the current trap is to be repeated (arch_thread_restart_trap). Own CPU */
    uint32_t
        gic_target; /* GICv2: this CPU's bit in target registers. Own CPU, constant after init */
    uint32_t pad;
    uint64_t gic_redist; /* GICv3: address of this CPU's redistributor. Constant after init */
};

static inline struct cpu *arch_cpu_self(void)
{
    struct cpu *self;
    /* Not volatile: the value is constant while the kernel runs, the compiler may reuse it. */
    __asm__("mrs %0, tpidr_el1" : "=r"(self));
    return self;
}

static inline void arch_cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

static inline bool arch_irq_pending(void)
{
    uint64_t isr;
    __asm__ volatile("mrs %0, isr_el1" : "=r"(isr));
    return isr != 0;
}

static inline void arch_sim_point(void) {}

/** Entry of secondary CPUs, physical mode (boot/entry.S). */
extern const char arch_secondary_entry[];
