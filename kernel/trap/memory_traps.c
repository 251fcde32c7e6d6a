/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps about memory, the console and facts about the system.
 */
#include "traps.h"
#include <arch/timer.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/log.h>
#include <kern/region.h>
#include <kern/task.h>
#include <kern/user_memory.h>
#include <wharf/trap.h>

/* Bytes to pages, rounded up; 0 if that overflows or there are none. */
static uint64_t pages_of(uint64_t size)
{
    return size > UINT64_MAX - PAGE_MASK ? 0 : (size + PAGE_MASK) >> PAGE_SHIFT;
}

uint64_t trap_vm_allocate(TRAP_ARGUMENTS)
{
    if (a0 == 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    if (pages_of(a0) == 0)
        return trap_error(KERN_NO_SPACE);
    struct region_request request = {.pages = pages_of(a0),
                                     .prot = PROT_READ | PROT_WRITE,
                                     .max_prot = PROT_READ | PROT_WRITE | PROT_EXECUTE};
    uint64_t progress = trap_progress(self, TRAP_vm_allocate);
    kern_return_t kr = region_allocate(self, self->task, &request, &progress);
    trap_set_progress(self, TRAP_vm_allocate, progress);
    if (kr == KERN_RETRY)
        return trap_restart(self, a0, a1, a2);
    return kr == KERN_SUCCESS ? request.start : trap_error(kr);
}

uint64_t trap_vm_deallocate(TRAP_ARGUMENTS)
{
    if (a0 % PAGE_SIZE != 0 || a1 == 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    kern_return_t kr = region_deallocate(self->task, a0, pages_of(a1));
    return kr == KERN_RETRY ? trap_restart(self, a0, a1, a2) : trap_error(kr);
}

static bool is_allowed_protection(uint64_t prot)
{
    return prot == TRAP_PROT_NONE || prot == TRAP_PROT_READ || prot == TRAP_PROT_READ_WRITE ||
           prot == TRAP_PROT_READ_EXECUTE;
}

uint64_t trap_vm_protect(TRAP_ARGUMENTS)
{
    if (a0 % PAGE_SIZE != 0 || a1 == 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    if (!is_allowed_protection((uint32_t)a2))
        return trap_error(KERN_INVALID_VALUE);
    if (pages_of(a1) == 0 || pages_of(a1) > REGION_MAX_PAGES)
        return trap_error(KERN_INVALID_ADDRESS);
    uint64_t done = trap_progress(self, TRAP_vm_protect);
    kern_return_t kr =
        region_protect(self->task, a0, pages_of(a1) << PAGE_SHIFT, (uint32_t)a2, &done);
    trap_set_progress(self, TRAP_vm_protect, kr == KERN_RETRY ? done : 0);
    return kr == KERN_RETRY ? trap_restart(self, a0, a1, a2) : trap_error(kr);
}

uint64_t trap_console_write(TRAP_ARGUMENTS)
{
    char text[TRAP_CONSOLE_MAX]; /* a quarter of the kernel stack; nothing deep is called with it */
    if (a1 > TRAP_CONSOLE_MAX)
        return trap_error(KERN_INVALID_ARGUMENT);
    if (a1 == 0)
        return 0;
    kern_return_t kr = user_copyin(self, text, a0, a1);
    if (kr == KERN_SUCCESS)
        log_user_text(text, a1);
    return trap_error(kr);
}

uint64_t trap_system_info(TRAP_ARGUMENTS)
{
    struct frame_statistics frames;
    switch (a0) {
    case SYSTEM_INFO_CPUS_ONLINE: return cpus_online();
    case SYSTEM_INFO_FREE_FRAMES: frame_statistics(&frames); return frames.free;
    case SYSTEM_INFO_KERNEL_OBJECTS: return (uint64_t)kmem_live_objects();
    case SYSTEM_INFO_ENTRY_COUNTER: return clock_origin();
    case SYSTEM_INFO_COUNTER_FREQUENCY: return arch_counter_frequency();
    case SYSTEM_INFO_PAGE_SIZE: return PAGE_SIZE;
    case SYSTEM_INFO_KERNEL_MEMORY: return boot_facts.kernel_memory;
    case SYSTEM_INFO_THIS_CPU: return arch_cpu_self()->number;
    case SYSTEM_INFO_KERNEL_TEXT: return boot_facts.kernel_text;
    case SYSTEM_INFO_MANAGED_MEMORY: return boot_facts.managed_memory;
    default: return trap_error(KERN_INVALID_VALUE);
    }
}
