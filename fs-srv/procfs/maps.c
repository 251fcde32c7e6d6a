/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps: a line for each range of a process's memory. What memory is of is not known here: offset, device and inode are zero.
 */
#include "procfs.h"
#include <inttypes.h>
#include <libsys/spawn.h>
#include <wharf/if/vm.h>

enum { RANGES_MAX = 2048 };

kern_return_t fill_maps(struct text *text, const struct subject *subject)
{
    uint64_t address = 0, start, size;
    uint32_t protection, most, inheritance, flags;

    for (unsigned n = 0; n < RANGES_MAX && subject->task != MSG_NULL; n++) {
        if (vm_region(subject->task, address, &start, &size, &protection, &most, &inheritance,
                      &flags) != KERN_SUCCESS)
            break;
        address = start + size;
        text_add(text, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c 00000000 00:00 0 %s\n", start, address,
                 protection & VM_PROT_READ ? 'r' : '-', protection & VM_PROT_WRITE ? 'w' : '-',
                 protection & VM_PROT_EXECUTE ? 'x' : '-', flags & VM_SHARED ? 's' : 'p',
                 address == SPAWN_STACK_TOP ? "                         [stack]" : "");
        if (size == 0)
            break;
    }
    return KERN_SUCCESS;
}
