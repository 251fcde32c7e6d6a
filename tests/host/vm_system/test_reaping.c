/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task ends whose pages are out. Their slots are given up beside whatever else goes on, by nobody's order: while somebody is at the slots that does not stand in line
 * for them, but looks again, for a while.
 */
#include "office.h"
#include "reaping.h"

#include <wharf/if/default_pager_types.h>

enum {
    SLOTS = 1024,
    ABSENT = 600,
    A_WHILE = 400,
    FOR_LONG = 10400 /* before that nobody else comes, either */
};

static struct office office;

/* What is stored is not asked for again here. */
static void hear(uint32_t id, const uint64_t words[2])
{
    if (id == DEFAULT_PAGER_ID_STORE)
        OK(swap_done(office.control, (uint32_t)words[0], true));
    else
        CHECK_EQUAL(id, DEFAULT_PAGER_ID_FREED);
}

/* For rest(). */
static bool serve(void)
{
    return office_serve(&office, hear);
}

/* A task whose pages are out, most of them. */
static uint32_t make_absent(void)
{
    uint32_t task = child_new(0, 0, NULL);
    uint64_t word = 7, at;
    OK(vm_allocate(task, 0, ABSENT * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < ABSENT; i++)
        OK(vm_write(task, at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    for (unsigned i = 0; i < 4 && office_facts().used < ABSENT / 2; i++) {
        OK(host_memory_page_out(me.memory, ABSENT));
        rest();
    }
    CHECK(office_facts().used >= ABSENT / 2);
    return task;
}

/* It ends on one CPU, while another has the lock. Returns how long nobody stood in line. */
static uint64_t end_beside_holder(uint32_t task, uint64_t looks)
{
    struct holder holder = {.looks = looks};
    host_machine_post(1, hold_slots, &holder);
    host_machine_call(0, begin_end_of, task_behind(task));
    rest();
    drop_name(task);
    CHECK_EQUAL(office_facts().used, 0);
    return holder.alone;
}

static void one_round(void)
{
    office = office_take(SLOTS, 0, NULL);
    at_rest = serve;
    CHECK_EQUAL(end_beside_holder(make_absent(), A_WHILE), A_WHILE);
    CHECK(end_beside_holder(make_absent(), FOR_LONG) < FOR_LONG); /* in the end it does */
    at_rest = NULL;
    office_leave(&office);
    rest();
}

int main(int argc, char **argv)
{
    (void)argc;
    return office_rounds(argv, one_round);
}
