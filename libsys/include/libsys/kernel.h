/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask of the kernel's objects: memory, threads, the task, the console, time, the
 * host. libsys/kernel.c alone knows how the question travels, so this is what to use instead of the
 * traps in <libsys/trap.h>; those that stay traps (thread_self, thread_switch, futexes) are called
 * directly. Arguments and errors are those of <wharf/trap.h>; what is returned through a pointer is
 * written on success only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/trap.h>

/** Zeroed pages, readable and writable; size is rounded up. */
kern_return_t kernel_vm_allocate(size_t size, void **address);
/** A whole allocation, named as it was made. */
kern_return_t kernel_vm_deallocate(void *address, size_t size);
kern_return_t kernel_vm_protect(void *address, size_t size, enum trap_protection protection);

kern_return_t kernel_thread_create(void (*entry)(void), void *sp, void *argument, void *tls,
                                   unsigned priority, int64_t *id);
/** Number of the caller, as reports and thread_create tell it; 0 if the kernel has no memory to say. */
int64_t kernel_thread_id(void);
/** Of the caller. */
kern_return_t kernel_thread_set_affinity(uint64_t mask);
kern_return_t kernel_thread_set_priority(unsigned priority);

/** End all threads of this task. The low 8 bits of the status count. */
[[gnu::noreturn]] void kernel_task_exit(int status);

/** Any length; up to HOST_DEBUG_TEXT_MAX bytes come out in one piece. KERN_NO_ACCESS: the program has no right
 *  to the console. */
kern_return_t kernel_console_write(const void *bytes, size_t length);

/** Nanoseconds since boot. */
uint64_t kernel_clock_now(void);
/** Until the moment has come, or KERN_ABORTED. */
kern_return_t kernel_sleep_until(uint64_t deadline);

/** A fact about the system; 0 for a selector that is none. */
uint64_t kernel_system_info(enum system_info selector);
