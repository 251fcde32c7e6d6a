/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking up .extable. Some fifty rows, searched only when something has faulted: no order needed.
 */
#include <machine/fixup.h>

struct fixup {
    int32_t fault;  /* distance from this word to the instruction */
    int32_t resume; /* distance from this word to where to go on */
};
extern const struct fixup _extable_start[], _extable_end[];

static uint64_t target(const int32_t *distance)
{
    return (uint64_t)distance + (uint64_t)(int64_t)*distance;
}

bool arch_fixup_lookup(uint64_t pc, uint64_t *resume)
{
    for (const struct fixup *row = _extable_start; row < _extable_end; row++) {
        if (target(&row->fault) == pc) {
            *resume = target(&row->resume);
            return true;
        }
    }
    return false;
}
