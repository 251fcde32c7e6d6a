/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's memory (<libsys/client_area.h>).
 */
#include <libsys/client_area.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/vm.h>

kern_return_t client_area_make(uint64_t size, void **at, mach_port_name_t *entry)
{
    const mach_port_name_t self = program_start_info->task;
    uint64_t start = 0;
    kern_return_t kr = vm_allocate(self, 0, size, VM_ANYWHERE, &start);

    *at = NULL;
    if (kr != KERN_SUCCESS)
        return kr;
    *at = (void *)(uintptr_t)start;
    kr = vm_inherit(self, start, size, VM_INHERIT_NONE);
    if (kr == KERN_SUCCESS)
        kr = vm_make_entry(self, start, size, VM_PROT_READ | VM_PROT_WRITE, entry);
    return kr;
}

void client_area_release(void *at, uint64_t size, mach_port_name_t entry)
{
    if (entry != MSG_NULL)
        stub_release_right(entry, MSG_MOVE_SEND);
    if (at)
        (void)!vm_deallocate(program_start_info->task, (uintptr_t)at, size);
}
