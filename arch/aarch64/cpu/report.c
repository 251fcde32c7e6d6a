/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU's registers for a panic: those a callee preserves, which still hold what the kernel was
 * working with, and the system registers that say how it came here and in whose address space.
 */
#include <arch/cpu.h>
#include <kern/log.h>
#include <machine/sysreg.h>

void arch_cpu_report(void)
{
    uint64_t x[12] = {0}, sp;
    __asm__ volatile(
        "stp x19, x20, [%1]\n\tstp x21, x22, [%1, #16]\n\tstp x23, x24, [%1, #32]\n\t"
        "stp x25, x26, [%1, #48]\n\tstp x27, x28, [%1, #64]\n\tstp x29, x30, [%1, #80]\n\tmov %0, sp"
        : "=&r"(sp)
        : "r"(x)
        : "memory");
    for (unsigned i = 0; i < 12; i += 4)
        log_error("  x%u %016lx  x%u %016lx  x%u %016lx  x%u %016lx", 19 + i, x[i], 20 + i,
                  x[i + 1], 21 + i, x[i + 2], 22 + i, x[i + 3]);
    log_error("  sp %016lx  daif %lx  sctlr %lx  tcr %lx", sp, (uint64_t)sysreg_read(daif),
              (uint64_t)sysreg_read(sctlr_el1), (uint64_t)sysreg_read(tcr_el1));
    log_error("  esr %lx  far %lx  elr %lx  spsr %lx", (uint64_t)sysreg_read(esr_el1),
              (uint64_t)sysreg_read(far_el1), (uint64_t)sysreg_read(elr_el1),
              (uint64_t)sysreg_read(spsr_el1));
    log_error("  ttbr0 %lx  ttbr1 %lx  tpidr %lx", (uint64_t)sysreg_read(ttbr0_el1),
              (uint64_t)sysreg_read(ttbr1_el1), (uint64_t)sysreg_read(tpidr_el1));
}
