/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the entry code to the portable kernel: the first C on every CPU.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/stack_guard.h>
#include <machine/image.h>
#include <machine/start.h>

struct arch_image arch_image;
uint64_t arch_empty_root;

extern char arch_empty_table[], arch_boot_stack[], arch_boot_stack_top[], arch_boot_guard[],
    arch_boot_emergency_top[];
extern pte_t boot_image_l3[PT_ENTRIES];

/* No user address space, and the user's 39 bits instead of the identity map's 48. Where the CPU
 * can do it (E0PD), what user code tries at kernel addresses faults in the same time whether they
 * are mapped or not. */
static void leave_identity_map(void)
{
    const uint64_t e0pd1 = UINT64_C(1) << 56;
    uint64_t tcr, mmfr2;
    arch_mmu_deactivate();
    __asm__("mrs %0, id_aa64mmfr2_el1" : "=r"(mmfr2));
    __asm__ volatile("mrs %0, tcr_el1" : "=r"(tcr));
    tcr = (tcr & ~UINT64_C(0x3f)) | (64 - ARCH_USER_VA_BITS) | (mmfr2 >> 60 ? e0pd1 : 0);
    __asm__ volatile("msr tcr_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" ::"r"(tcr)
                     : "memory");
}

/* The page below the boot stack is no memory: an overflow faults instead of running through the
 * page tables. */
static void guard_boot_stack(void)
{
    arch_pte_write(&boot_image_l3[((vaddr_t)arch_boot_guard - KERNEL_IMAGE_BASE) >> PAGE_SHIFT], 0);
    arch_tlb_begin();
    __asm__ volatile(
        "tlbi vaae1is, %0" ::"r"((vaddr_t)arch_boot_guard >> PAGE_SHIFT & ((UINT64_C(1) << 44) - 1))
        : "memory");
    arch_tlb_end();
}

NO_STACK_GUARD void arch_start(paddr_t fdt, paddr_t image, uint64_t counter, unsigned level)
{
    arch_image.physical_start = image;
    arch_empty_root = arch_image_physical(arch_empty_table);
    leave_identity_map();

    struct cpu *cpu = arch_cpu_self();
    cpu->arch.stack_bottom = (vaddr_t)arch_boot_stack;
    cpu->arch.stack_top = (vaddr_t)arch_boot_stack_top;
    cpu->arch.emergency_top = (vaddr_t)arch_boot_emergency_top;
    guard_boot_stack();
    uint64_t mpidr;
    __asm__("mrs %0, mpidr_el1" : "=r"(mpidr));

    static struct arch_boot_info info;
    info = (struct arch_boot_info){
        .kernel_start = image,
        .kernel_end = arch_image_physical(_kernel_end),
        .text_size = (uint64_t)(_text_work_end - _kernel_start),
        .fdt = fdt,
        .entry_counter = counter,
        .boot_cpu_hwid = mpidr & UINT64_C(0xff00ffffff),
        .entry_level = level,
    };
    kern_main(&info);
}

void arch_secondary_start(struct cpu *cpu)
{
    leave_identity_map();
    kern_secondary(cpu);
}

void arch_cpu_set_self(struct cpu *cpu)
{
    __asm__ volatile("msr tpidr_el1, %0" ::"r"(cpu) : "memory");
}

unsigned arch_asid_count(void)
{
    uint64_t mmfr0;
    __asm__("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
    return (mmfr0 >> 4 & 0xf) == 2 ? 1u << 16 : 1u << 8;
}
