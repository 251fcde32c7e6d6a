/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of traps, made from wharf/abi/traps.def. The entry code calls through it
 * (arch/upcalls.h).
 */
#include "traps.h"
#include <arch/upcalls.h>

uint64_t trap_error(kern_return_t kr)
{
    return (uint64_t) - (int64_t)kr;
}

uint64_t kern_bad_trap(struct thread *self, uint64_t number)
{
    (void)self;
    (void)number;
    return trap_error(KERN_INVALID_TRAP);
}

static uint64_t trap_hole(TRAP_ARGUMENTS)
{
    return kern_bad_trap(self, 0);
}

trap_handler_t *const kern_trap_table[] = {
#define TRAP(number, name, handler, arguments, doc) [number] = handler,
#define TRAP_HOLE(number, doc)                      [number] = trap_hole,
#include <wharf/abi/traps.def>
#undef TRAP
#undef TRAP_HOLE
};
const uint64_t kern_trap_count = array_count(kern_trap_table);
