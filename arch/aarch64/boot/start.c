/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the entry code to the portable kernel: the first C on every CPU.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <machine/image.h>
#include <machine/start.h>

struct arch_image arch_image;
uint64_t arch_empty_root;

extern char arch_empty_table[], arch_boot_stack[], arch_boot_stack_top[];

/* No user address space, and the user's 39 bits instead of the identity map's 48. */
static void leave_identity_map(void) {
    uint64_t tcr;
    arch_mmu_deactivate();
    __asm__ volatile("mrs %0, tcr_el1" : "=r"(tcr));
    tcr = (tcr & ~UINT64_C(0x3f)) | (64 - ARCH_USER_VA_BITS);
    __asm__ volatile("msr tcr_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" ::"r"(tcr) : "memory");
}

void arch_start(paddr_t fdt, paddr_t image, uint64_t counter, unsigned level) {
    arch_image.physical_start = image;
    arch_empty_root = arch_image_physical(arch_empty_table);
    leave_identity_map();

    struct cpu *cpu = arch_cpu_self();
    cpu->arch.stack_bottom = (vaddr_t)arch_boot_stack;
    cpu->arch.stack_top = (vaddr_t)arch_boot_stack_top;
    cpu->arch.emergency_top = (vaddr_t)arch_boot_stack_top; /* until it has a stack of its own */
    uint64_t mpidr;
    __asm__("mrs %0, mpidr_el1" : "=r"(mpidr));

    static struct arch_boot_info info;
    info = (struct arch_boot_info){
        .kernel_start = image,
        .kernel_end = arch_image_physical(_kernel_end),
        .text_size = (uint64_t)(_text_end - _kernel_start),
        .fdt = fdt,
        .entry_counter = counter,
        .boot_cpu_hwid = mpidr & UINT64_C(0xff00ffffff),
        .entry_level = level,
    };
    kern_main(&info);
}

void arch_secondary_start(struct cpu *cpu) {
    leave_identity_map();
    kern_secondary(cpu);
}

void arch_cpu_set_self(struct cpu *cpu) {
    __asm__ volatile("msr tpidr_el1, %0" ::"r"(cpu) : "memory");
}

unsigned arch_asid_count(void) {
    uint64_t mmfr0;
    __asm__("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
    return (mmfr0 >> 4 & 0xf) == 2 ? 1u << 16 : 1u << 8;
}
