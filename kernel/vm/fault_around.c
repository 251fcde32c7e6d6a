/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of an archive are all there: those around one that is touched are mapped with it. Their instructions may have to be made known
 * to the caches first, which takes long: of a few at a time.
 */
#include "map_impl.h"

void fault_around(struct task *task, const struct map_entry *entry, vaddr_t at, paddr_t at_pa,
                  unsigned prot)
{
    enum { AROUND = PT_RUN, NEW = 4 };
    vaddr_t start = round_down(at, AROUND * PAGE_SIZE);
    paddr_t start_pa = at_pa - (at - start);
    unsigned wanted = 0, fresh = 0;
    for (unsigned i = 0; i < AROUND; i++) {
        vaddr_t va = start + i * PAGE_SIZE;
        paddr_t pa = start_pa + i * PAGE_SIZE;
        if (va < entry->start || va >= entry->end)
            continue;
        if ((prot & PROT_EXECUTE) && !memory_object_is_code(entry->object, pa)) {
            if (fresh++ >= NEW)
                continue;
            memory_object_sync_code(entry->object, pa, PAGE_SIZE);
        }
        wanted |= 1u << i;
    }
    pmap_enter_around(task->pmap, start, start_pa, wanted, prot);
}
