/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory, time, and allocations that fail.
 */
#include "world_impl.h"
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <sys/mman.h>
#include <wharf/if/clock.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/vm.h>

static uint64_t mapped; /* pages of vm_allocate */
bool world_is_shared;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_malloc(size_t size)
{
    return world_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return world_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return world_fails() ? NULL : __real_realloc(at, size);
}

uint64_t kernel_clock_now(void)
{
    static uint64_t now;

    return now += 1000;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    (void)deadline;
    return KERN_SUCCESS;
}

kern_return_t clock_wall(mach_port_name_t clock, uint64_t *nanoseconds)
{
    (void)clock;
    *nanoseconds = kernel_clock_now();
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(mach_port_name_t task, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    (void)task;
    CHECK(address == 0 && size != 0 && size % PAGE == 0 && flags == VM_ANYWHERE);
    if (world_fails())
        return KERN_LIMIT;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    mapped += size / PAGE;
    *at = (uintptr_t)memory;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task;
    CHECK_EQ(munmap((void *)(uintptr_t)address, size), 0);
    mapped -= size / PAGE;
    return KERN_SUCCESS;
}

kern_return_t vm_maintain(mach_port_name_t, uint64_t, uint64_t, uint32_t)
{
    return KERN_SUCCESS;
}

kern_return_t vm_make_entry(mach_port_name_t task, uint64_t address, uint64_t size, uint32_t most,
                            mach_port_name_t *entry)
{
    (void)task;
    CHECK(address % PAGE == 0 && size % PAGE == 0 && size != 0 && most != 0);
    if (world_fails())
        return KERN_LIMIT;
    *entry = world_foreign();
    port_of(*entry)->payload = address;
    return KERN_SUCCESS;
}

kern_return_t memory_entry_narrow(mach_port_name_t whole, uint64_t offset, uint64_t size,
                                  uint32_t most, mach_port_name_t *entry)
{
    CHECK(offset % PAGE == 0 && size % PAGE == 0 && size != 0 && most != 0);
    if (world_fails())
        return KERN_LIMIT;
    *entry = world_foreign();
    port_of(*entry)->payload = port_of(whole)->payload + offset;
    return KERN_SUCCESS;
}

kern_return_t vm_region(mach_port_name_t task, uint64_t address, uint64_t *start, uint64_t *size,
                        uint32_t *protection, uint32_t *most, uint32_t *inheritance,
                        uint32_t *flags)
{
    (void)task;
    *start = address;
    *size = PAGE;
    *protection = *most = VM_PROT_READ | VM_PROT_WRITE;
    *inheritance = VM_INHERIT_COPY;
    *flags = world_is_shared ? VM_SHARED : 0;
    return KERN_SUCCESS;
}

void stub_release_memory(void *, uint64_t) {}

void memory_begin(void)
{
    mapped = 0;
}

uint64_t memory_pages(void)
{
    return mapped;
}
