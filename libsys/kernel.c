/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to the kernel's objects; see <libsys/kernel.h>. Here it is the interim traps. Only
 * thread_leave (arch/.../user/crt0.S) has one of its own, thread_exit: it may not use its stack.
 */
#include <libsys/kernel.h>
#include <libsys/trap.h>

kern_return_t kernel_vm_allocate(size_t size, void **address)
{
    int64_t at = sys_vm_allocate(size);

    if (at >= 0)
        *address = (void *)at;
    return trap_error(at);
}

kern_return_t kernel_vm_deallocate(void *address, size_t size)
{
    return trap_error(sys_vm_deallocate(address, size));
}

kern_return_t kernel_vm_protect(void *address, size_t size, enum trap_protection protection)
{
    return trap_error(sys_vm_protect(address, size, protection));
}

kern_return_t kernel_thread_create(void (*entry)(void), void *sp, void *argument, void *tls,
                                   unsigned priority, int64_t *id)
{
    int64_t made = sys_thread_create(entry, sp, argument, tls, priority);

    if (made >= 0)
        *id = made;
    return trap_error(made);
}

kern_return_t kernel_thread_set_affinity(uint64_t mask)
{
    return trap_error(sys_thread_set_affinity(mask));
}

kern_return_t kernel_thread_set_priority(unsigned priority)
{
    return trap_error(sys_thread_set_priority(priority));
}

void kernel_task_exit(int status)
{
    sys_task_exit((uint64_t)status);
}

kern_return_t kernel_console_write(const void *bytes, size_t length)
{
    const char *at = bytes;

    do {
        size_t n = length < TRAP_CONSOLE_MAX ? length : TRAP_CONSOLE_MAX;
        kern_return_t kr = trap_error(sys_console_write(at, n));

        if (kr != KERN_SUCCESS)
            return kr;
        at += n;
        length -= n;
    } while (length > 0);
    return KERN_SUCCESS;
}

uint64_t kernel_clock_now(void)
{
    return (uint64_t)sys_clock_now();
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    return trap_error(sys_sleep_until(deadline));
}

uint64_t kernel_system_info(enum system_info selector)
{
    int64_t value = sys_system_info(selector);

    return value < 0 ? 0 : (uint64_t)value;
}
