/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A default pager that dies with pages on their way to it, at every point of that way, and has no successor. Whose pages they were goes
 * meanwhile, or not: what is touched is there, and when all is gone no slot is used and no object is left.
 *
 *      test_vm_vacancy     WHARF_SEED, WHARF_RUNS
 */
#include <arch/cpu.h>
#include <kern/pageout.h>
#include <kern/task.h>
#include <swap_impl.h>

#include "office.h"

enum { SLOTS = 128, ROUNDS = 60, MOST = 40 };

static unsigned
    seen[REQ_ENDING + 1]; /* stores that were in that state when the pager's port died */

static void want(void *argument)
{
    pageout_demand(*(unsigned *)argument);
}

static bool is_any(unsigned state)
{
    bool is = false;
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < SWAP_STORES; i++)
        is |= swap.store[i].state >= state;
    spin_unlock(&swap.lock);
    return is;
}

struct death {
    struct office *office;
    struct task *owner;       /* goes with it; NULL: later */
    unsigned state, patience; /* it dies when a store has come so far, or later */
};

/* Between any two steps of the other CPUs, or after them; no grace period passes meanwhile. */
static void die(void *argument)
{
    const struct death *death = argument;
    for (unsigned n = 0; n < death->patience && !is_any(death->state); n++)
        arch_cpu_relax();
    if (death->owner)
        (task_terminate)(death->owner, 0, false);
    OK(space_mod_refs(death->office->actor->task->space, death->office->port, PORT_RIGHT_RECEIVE,
                      -1));
    for (unsigned i = 0; i < SWAP_STORES; i++)
        seen[swap.store[i].state]++;
}

static uint64_t fill(uint32_t task, uint32_t word)
{
    uint64_t at;
    OK(vm_allocate(task, 0, MOST * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < MOST; i++, word++)
        OK(vm_write(task, at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    return at;
}

/* Nothing has been stored: it is all there. */
static void expect(uint32_t task, uint64_t at, uint32_t word)
{
    for (unsigned i = 0; i < MOST; i++) {
        uint32_t found = 0, size;
        OK(vm_read(task, at + i * PAGE, sizeof(found), (uint8_t *)&found, &size));
        CHECK_EQUAL(found, word + i);
    }
}

static void check_nothing_left(void)
{
    struct host_memory_swap facts = office_facts();
    CHECK_EQUAL(facts.used, 0);
    CHECK_EQUAL(facts.in_flight, 0);
    CHECK_EQUAL(facts.slots, 0);
}

/* The owner goes in the midst of it, afterwards, or when all has been looked at. */
static void one_round(uint32_t number)
{
    unsigned pages = 1 + below(MOST), order = below(3);
    struct office office = office_take(SLOTS, 0, NULL);
    uint32_t owner = child_new(0, 0, NULL);
    uint64_t at = fill(owner, number);
    struct death death = {&office, order == 0 ? task_behind(owner) : NULL, REQ_GATHERING + below(5),
                          below(2000)};
    host_machine_post(0, want, &pages);
    if (one_in(3))
        rest(); /* all has been sent */
    host_machine_post(1, die, &death);
    rest();
    if (order == 2)
        expect(owner, at, number);
    if (order == 0)
        drop_name(owner);
    else
        child_end(owner);
    office_leave(&office);
    check_nothing_left();
}

static void one_run(void *argument)
{
    static char line[100];
    uint64_t seed = *(uint64_t *)argument, row = seed;
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_vm_vacancy",
             (unsigned long long)seed);
    host_set_repeat_line(line);
    chance = host_random(&row);
    ipc_start(seed, 2 + (unsigned)(seed - 1) % 3, false);
    enter();
    one_round(1); /* what is made once has been made */
    int64_t objects = objects_now();
    for (uint32_t i = 1; i < ROUNDS; i++)
        one_round(i * MOST);
    CHECK_EQUAL(objects_now(), objects);
    ipc_end();
    for (unsigned state = REQ_GATHERING; state <= REQ_SENT; state++)
        printf("%u in state %u%s", seen[state], state, state == REQ_SENT ? "\n" : ", ");
    CHECK(seen[REQ_GRACE] > 0);
    CHECK(seen[REQ_SENT] > 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 4);
    return world_runs(one_run, first, runs) ? 0 : 1;
}
