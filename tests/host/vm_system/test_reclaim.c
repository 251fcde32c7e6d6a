/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a task that page-out needs does not leave, however much is to; that of others does, and its own as soon as it is needed no
 * more. The pager hears of it all and does nothing.
 *
 *      test_vm_reclaim
 */
#include "office.h"

#include <kern/anon.h>
#include <map_impl.h>

enum { SLOTS = 256, MOST = 40, ALL_OF_IT = 4 * MOST };

static uint64_t fill(uint32_t task)
{
    uint64_t at, word = 1;
    OK(vm_allocate(task, 0, MOST * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < MOST; i++)
        OK(vm_write(task, at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    return at;
}

struct counted {
    struct task *task;
    uint64_t at;
    unsigned away; /* pages */
};

static void do_count(void *argument)
{
    struct counted *counted = argument;
    for (unsigned i = 0; i < MOST; i++) {
        vaddr_t va = counted->at + i * PAGE;
        struct map_entry *entry = map_above(&counted->task->map, va);
        struct anon *anon = amap_lookup(entry->amap, amap_page_at(entry, va));
        counted->away += (atomic_load(&anon->where) & ANON_AWAY) != 0;
    }
}

static unsigned count_away(uint32_t task, uint64_t at)
{
    struct counted counted = {.task = task_behind(task), .at = at};
    in_kernel(do_count, &counted);
    return counted.away;
}

/* What became of pages that were on their way to the last pager does not matter to this one. */
static void push(void)
{
    OK(host_memory_page_out(me.memory, ALL_OF_IT));
    rest();
}

static void one_round(void)
{
    struct office office = office_take(SLOTS, 0, NULL);
    uint32_t needed = child_new(0, 0, NULL), other = child_new(0, 0, NULL);
    OK(host_memory_set_reclaim(me.memory, needed, true));
    uint64_t at = fill(needed), at_other = fill(other);
    push();
    CHECK_EQUAL(count_away(needed, at), 0);
    CHECK(count_away(other, at_other) > 0);
    OK(host_memory_set_reclaim(me.memory, needed, false));
    push();
    CHECK(count_away(needed, at) > 0);
    child_end(needed);
    child_end(other);
    office_leave(&office);
    rest();
    CHECK_EQUAL(office_facts().used, 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    return office_rounds(argv, one_round);
}
