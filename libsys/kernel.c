/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to the kernel's objects; see <libsys/kernel.h>: messages to the ports that the start block names. The
 * clock is read from the counter, and sleeping is waiting for a word that nobody changes.
 */
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/machine.h>
#include <wharf/if/host.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { EXIT_PATIENCE = 1000000000 /* ns */ };

static mach_port_name_t this_task(void)
{
    return program_start_info->task;
}

/* ---- memory ---- */

kern_return_t kernel_vm_allocate(size_t size, void **address)
{
    uint64_t at;
    kern_return_t kr = vm_allocate(this_task(), 0, size, VM_ANYWHERE, &at);

    if (kr == KERN_SUCCESS)
        *address = (void *)(uintptr_t)at;
    return kr;
}

kern_return_t kernel_vm_deallocate(void *address, size_t size)
{
    return vm_deallocate(this_task(), (uintptr_t)address, size);
}

kern_return_t kernel_vm_protect(void *address, size_t size, uint32_t protection)
{
    return vm_protect(this_task(), (uintptr_t)address, size, false, protection);
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    /* It came with a message just now: it is there. */
    if (kind == MSG_MOVE_RECEIVE)
        (void)!port_mod_refs(this_task(), name, PORT_RIGHT_RECEIVE, -1);
    else
        (void)!port_deallocate(this_task(), name);
}

/* It begins in its first page where it did at the sender. */
void stub_release_memory(void *address, uint64_t size)
{
    enum { PAGE = 0x1000 };
    const uint64_t before = (uintptr_t)address % PAGE;
    (void)!vm_deallocate(this_task(), (uintptr_t)address - before, size + before);
}

/* ---- threads ---- */

/* It runs only when its name has arrived: if the answer is lost, the kernel takes the thread back. */
kern_return_t kernel_thread_create(void (*entry)(void), void *sp, void *argument, void *tls,
                                   unsigned priority, int64_t *id)
{
    mach_port_name_t thread;
    uint32_t number;
    kern_return_t kr =
        task_create_thread(this_task(), (uintptr_t)entry, (uintptr_t)sp, (uintptr_t)argument,
                           (uintptr_t)tls, priority, false, &thread, &number);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = thread_resume(thread);
    stub_release_right(thread, MSG_MOVE_SEND);
    if (kr == KERN_SUCCESS)
        *id = number;
    return kr;
}

/* The trap names the caller; it fails only when there is no room for the name. */
static kern_return_t this_thread(mach_port_name_t *name)
{
    int64_t result = sys_thread_self();

    *name = result < 0 ? MSG_NULL : (mach_port_name_t)result;
    return trap_error(result);
}

int64_t kernel_thread_id(void)
{
    struct thread_info info;
    mach_port_name_t self;

    return this_thread(&self) == KERN_SUCCESS && thread_info(self, &info) == KERN_SUCCESS ? info.id
                                                                                          : 0;
}

kern_return_t kernel_thread_set_affinity(uint64_t mask)
{
    mach_port_name_t self;
    kern_return_t kr = this_thread(&self);

    return kr == KERN_SUCCESS ? thread_set_affinity(self, mask) : kr;
}

kern_return_t kernel_thread_set_priority(unsigned priority)
{
    mach_port_name_t self;
    kern_return_t kr = this_thread(&self);

    return kr == KERN_SUCCESS ? thread_set_priority(self, priority) : kr;
}

/* Who started the program learns its status from it, if he can be told at once; a task's end says nothing but that it ended. */
void kernel_task_exit(int status)
{
    const struct start_info *info = program_start_info;

    if (info != NULL && info->bootstrap != MSG_NULL)
        (void)!service_exiting_until(info->bootstrap, (uint32_t)status & 0xff, info->task,
                                     stub_deadline(EXIT_PATIENCE));
    sys_task_exit((uint64_t)status);
}

/* ---- the console ---- */

/* To the log of who started the program, a text at a time. */
static kern_return_t write_log(const char *at, size_t length)
{
    char text[SERVICE_TEXT_MAX];

    while (length > 0) {
        size_t n = length < sizeof(text) - 1 ? length : sizeof(text) - 1;
        memcpy(text, at, n);
        text[n] = '\0';
        kern_return_t kr = service_log(program_start_info->bootstrap, text);

        if (kr != KERN_SUCCESS)
            return kr;
        at += n;
        length -= n;
    }
    return KERN_SUCCESS;
}

kern_return_t kernel_console_write(const void *bytes, size_t length)
{
    const char *at = bytes;

    if (program_start_info->host_debug == MSG_NULL)
        return program_start_info->bootstrap == MSG_NULL ? KERN_NO_ACCESS : write_log(at, length);
    do {
        size_t n = length < HOST_DEBUG_TEXT_MAX ? length : HOST_DEBUG_TEXT_MAX;
        kern_return_t kr =
            host_debug_console_write(program_start_info->host_debug, at, (uint32_t)n);

        if (kr != KERN_SUCCESS)
            return kr;
        at += n;
        length -= n;
    } while (length > 0);
    return KERN_SUCCESS;
}

/* ---- time ---- */

uint64_t kernel_clock_now(void)
{
    static const uint64_t second = 1000000000;
    uint64_t frequency = program_start_info->counter_frequency;
    uint64_t ticks = machine_counter() - program_start_info->entry_counter;

    /* The kernel's own formula. */
    return ticks / frequency * second + ticks % frequency * second / frequency;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    static const uint32_t word; /* 0, and nobody else waits or wakes there */
    kern_return_t kr;

    do
        kr = trap_error(sys_futex_wait(&word, 0, deadline));
    while (kr == KERN_SUCCESS);
    return kr == KERN_OPERATION_TIMED_OUT ? KERN_SUCCESS : kr;
}

/* ---- facts ---- */

static uint64_t constant_fact(enum system_info selector)
{
    struct host_facts facts;

    if (host_info(program_start_info->host, &facts) != KERN_SUCCESS)
        return 0;
    switch (selector) {
    case SYSTEM_INFO_CPUS_ONLINE: return facts.cpus_online;
    case SYSTEM_INFO_ENTRY_COUNTER: return facts.entry_counter;
    case SYSTEM_INFO_COUNTER_FREQUENCY: return facts.counter_frequency;
    case SYSTEM_INFO_PAGE_SIZE: return facts.page_size;
    case SYSTEM_INFO_KERNEL_MEMORY: return facts.kernel_memory;
    case SYSTEM_INFO_KERNEL_TEXT: return facts.kernel_text;
    case SYSTEM_INFO_MANAGED_MEMORY: return facts.managed_memory;
    default: return 0;
    }
}

uint64_t kernel_system_info(enum system_info selector)
{
    struct host_statistics now;

    if (selector != SYSTEM_INFO_FREE_FRAMES && selector != SYSTEM_INFO_KERNEL_OBJECTS &&
        selector != SYSTEM_INFO_THIS_CPU)
        return constant_fact(selector);
    if (host_statistics(program_start_info->host, &now) != KERN_SUCCESS)
        return 0;
    return selector == SYSTEM_INFO_FREE_FRAMES      ? now.free_frames
           : selector == SYSTEM_INFO_KERNEL_OBJECTS ? now.kernel_objects
                                                    : now.cpu;
}
