/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel stacks: one a CPU, with an unmapped page below it, and a page of emergency stack for the
 * report when the first has overflowed. Layout of a CPU's slot: guard, stack (4 pages), guard,
 * emergency stack (1 page), guards to the slot's end.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/cpu.h>
#include <kern/frame.h>

enum { STACK_PAGES = 4 };
#define STACK_SLOT (64 * KIB)

static paddr_t take_frame(void)
{
    struct frame *frame;
    if (frame_alloc(&kernel_ledger, LEDGER_PAGE_TABLES, 0, FRAME_ZEROED, &frame) != KERN_SUCCESS)
        return 0;
    return frame_address(frame);
}

static kern_return_t map_stack_page(vaddr_t va)
{
    struct frame *frame;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    /* Kernel stacks are mapped like frame records: normal memory, never executable. Never taken
     * back. */
    return arch_map_frame_record_page((void *)va, frame_address(frame), take_frame)
               ? KERN_SUCCESS
               : KERN_RESOURCE_SHORTAGE;
}

kern_return_t arch_cpu_make_stack(struct cpu *cpu)
{
    vaddr_t bottom = STACK_BASE + cpu->number * STACK_SLOT + PAGE_SIZE;
    vaddr_t top = bottom + STACK_PAGES * PAGE_SIZE;
    /* The record of a CPU that could not be started serves the next one: no valid entry may be
     * replaced by another. */
    if (cpu->arch.stack_top == top)
        return KERN_SUCCESS;
    for (vaddr_t va = bottom; va < top; va += PAGE_SIZE) {
        kern_return_t kr = map_stack_page(va);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    kern_return_t kr = map_stack_page(top + PAGE_SIZE);
    if (kr != KERN_SUCCESS)
        return kr;
    cpu->arch.stack_bottom = bottom;
    cpu->arch.emergency_top = top + 2 * PAGE_SIZE;
    cpu->arch.stack_top = top;
    return KERN_SUCCESS;
}

void arch_cpu_stack_bounds(vaddr_t here, vaddr_t *low, vaddr_t *high)
{
    struct cpu *cpu = arch_cpu_self();
    extern char arch_boot_stack[], arch_boot_stack_top[], arch_boot_emergency_top[];
    if (here >= (vaddr_t)arch_boot_stack && here < (vaddr_t)arch_boot_stack_top) {
        *low = (vaddr_t)arch_boot_stack;
        *high = (vaddr_t)arch_boot_stack_top;
    } else if (here < (vaddr_t)arch_boot_emergency_top &&
               here >= (vaddr_t)arch_boot_emergency_top - PAGE_SIZE) {
        *low = (vaddr_t)arch_boot_emergency_top - PAGE_SIZE;
        *high = (vaddr_t)arch_boot_emergency_top;
    } else if (here < cpu->arch.emergency_top && here >= cpu->arch.emergency_top - PAGE_SIZE) {
        *low = cpu->arch.emergency_top - PAGE_SIZE;
        *high = cpu->arch.emergency_top;
    } else if (here >= cpu->arch.stack_bottom && here < cpu->arch.stack_top) {
        *low = cpu->arch.stack_bottom;
        *high = cpu->arch.stack_top;
    } else {
        *low = *high = 0;
    }
}
