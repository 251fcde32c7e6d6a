/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask of the kernel's objects: memory, threads, the task, the console, time, the
 * host. libsys/kernel.c knows which messages that are; <libsys/trap.h> has the few traps there are.
 * Arguments and errors are those of the routines (interfaces/); what is returned through a pointer is
 * written on success only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/vm_types.h>
#include <wharf/trap.h>

/** Zeroed pages, readable and writable; size is rounded up. */
kern_return_t kernel_vm_allocate(size_t size, void **address);
/** A whole allocation, named as it was made. */
kern_return_t kernel_vm_deallocate(void *address, size_t size);
/** VM_PROT_, or 0. */
kern_return_t kernel_vm_protect(void *address, size_t size, uint32_t protection);

kern_return_t kernel_thread_create(void (*entry)(void), void *sp, void *argument, void *tls,
                                   unsigned priority, int64_t *id);
/** Number of the caller, as reports and thread_create tell it; 0 if the kernel has no memory to say. */
int64_t kernel_thread_id(void);
/** Of the caller. */
kern_return_t kernel_thread_set_affinity(uint64_t mask);
kern_return_t kernel_thread_set_priority(unsigned priority);

/** End all threads of this task. The low 8 bits of the status count. */
[[gnu::noreturn]] void kernel_task_exit(int status);

/** Any length; up to HOST_DEBUG_TEXT_MAX bytes come out in one piece. Without a right to the console it goes to the log of the bootstrap port
 *  (service.log), where each piece of up to SERVICE_TEXT_MAX bytes begins a line. KERN_NO_ACCESS: the program has neither. */
kern_return_t kernel_console_write(const void *bytes, size_t length);

/** Nanoseconds since boot. */
uint64_t kernel_clock_now(void);
/** Until the moment has come, or KERN_ABORTED. */
kern_return_t kernel_sleep_until(uint64_t deadline);

/** What there is to know of the system. */
enum system_info {
    SYSTEM_INFO_CPUS_ONLINE = 0,
    SYSTEM_INFO_FREE_FRAMES = 1,       /* pages nobody uses now, those in per-CPU caches too */
    SYSTEM_INFO_KERNEL_OBJECTS = 2,    /* live objects in the kernel's object caches, all kinds */
    SYSTEM_INFO_ENTRY_COUNTER = 3,     /* CNTVCT_EL0 at the kernel's first instruction */
    SYSTEM_INFO_COUNTER_FREQUENCY = 4, /* Hz */
    SYSTEM_INFO_PAGE_SIZE = 5,         /* bytes */
    SYSTEM_INFO_KERNEL_MEMORY = 6,     /* bytes of managed memory that programs cannot get */
    SYSTEM_INFO_THIS_CPU = 7,       /* number of the CPU the caller runs on, or did a moment ago */
    SYSTEM_INFO_KERNEL_TEXT = 8,    /* bytes of the kernel's code without its self-tests */
    SYSTEM_INFO_MANAGED_MEMORY = 9, /* bytes of RAM the kernel may use, itself included */
};

/** 0 for a selector that is none. */
uint64_t kernel_system_info(enum system_info selector);
