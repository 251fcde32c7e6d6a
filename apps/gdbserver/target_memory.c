/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task's memory read and written whatever its protection (target.h). Code is most often a mapping of the initial archive, or of a file, that
 * all who run the program share: a page of it is replaced by a copy of the task's own before it is written. No thread of the task runs meanwhile.
 */
#include "target.h"
#include <string.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096 };

static uint64_t page_of(uint64_t address)
{
    return address & ~(uint64_t)(PAGE - 1);
}

static size_t within_page(uint64_t address, size_t size)
{
    const size_t left = PAGE - (size_t)(address % PAGE);
    return size < left ? size : left;
}

bool target_read_memory(void *context, uint64_t address, void *bytes, size_t size)
{
    const struct target *target = context;
    char *to = bytes;
    while (size > 0) {
        const size_t n = within_page(address, size);
        uint32_t got = 0;
        if (vm_read(target->task, address, (uint32_t)n, (uint8_t *)to, &got) != KERN_SUCCESS ||
            got != n)
            return false;
        address += n;
        to += n;
        size -= n;
    }
    return true;
}

/* The page becomes one of the task's own, as it is but for the bytes. */
static kern_return_t replace_page(mach_port_name_t task, uint64_t address, const void *bytes,
                                  size_t size)
{
    static uint8_t page[PAGE];
    const uint64_t start = page_of(address);
    uint32_t got = 0;
    uint64_t at;
    kern_return_t kr = vm_read(task, start, PAGE, page, &got);
    if (kr != KERN_SUCCESS)
        return kr;
    memcpy(page + address % PAGE, bytes, size);
    kr = vm_deallocate(task, start, PAGE);
    if (kr == KERN_SUCCESS)
        kr = vm_allocate(task, start, PAGE, 0, &at);
    return kr == KERN_SUCCESS ? vm_write(task, start, page, PAGE) : kr;
}

/* Within a page. The protection is given back, which makes instruction caches agree. */
static bool write_in_page(mach_port_name_t task, uint64_t address, const void *bytes, size_t size)
{
    uint64_t start, region_size;
    uint32_t protection, maximum, inheritance, flags;
    kern_return_t kr =
        vm_region(task, address, &start, &region_size, &protection, &maximum, &inheritance, &flags);
    if (kr != KERN_SUCCESS || start > address)
        return false;
    if (protection & VM_PROT_WRITE)
        return vm_write(task, address, bytes, (uint32_t)size) == KERN_SUCCESS;
    if (!(protection & VM_PROT_READ))
        return false;
    if ((maximum & VM_PROT_WRITE) && !(flags & VM_SHARED)) {
        kr = vm_protect(task, page_of(address), PAGE, false, VM_PROT_READ | VM_PROT_WRITE);
        if (kr == KERN_SUCCESS)
            kr = vm_write(task, address, bytes, (uint32_t)size);
    } else {
        kr = replace_page(task, address, bytes, size);
    }
    const kern_return_t back = vm_protect(task, page_of(address), PAGE, false, protection);
    return kr == KERN_SUCCESS && back == KERN_SUCCESS;
}

bool target_write_memory(void *context, uint64_t address, const void *bytes, size_t size)
{
    const struct target *target = context;
    const char *from = bytes;
    while (size > 0) {
        const size_t n = within_page(address, size);
        if (!write_in_page(target->task, address, from, n))
            return false;
        address += n;
        from += n;
        size -= n;
    }
    return true;
}
