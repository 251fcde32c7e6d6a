/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that file servers see on the host, and rights to it (world.h).
 */
#include "../check.h"
#include "world.h"
#include "world_impl.h"
#include <sys/mman.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/vm.h>

uint64_t world_mapped;
bool world_is_shared;

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
    world_mapped += size / PAGE;
    *at = (uintptr_t)memory;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task;
    CHECK_EQ(munmap((void *)(uintptr_t)address, size), 0);
    world_mapped -= size / PAGE;
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
    world_set_memory(*entry, address);
    return KERN_SUCCESS;
}

kern_return_t memory_entry_narrow(mach_port_name_t whole, uint64_t offset, uint64_t size,
                                  uint32_t most, mach_port_name_t *entry)
{
    CHECK(offset % PAGE == 0 && size % PAGE == 0 && size != 0 && most != 0);
    if (world_fails())
        return KERN_LIMIT;
    *entry = world_foreign();
    world_set_memory(*entry, (uintptr_t)world_memory(whole) + offset);
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
