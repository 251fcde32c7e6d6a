/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are out when the default pager dies: whoever wants one goes on as soon as there is a successor, which has what its
 * predecessor kept; and if its owner goes, with or without one, nothing is left of it.
 *
 *      test_vm_succession     WHARF_SEED, WHARF_RUNS
 */
#include "office.h"

#include <wharf/if/default_pager_types.h>

enum { SLOTS = 128, ROUNDS = 24, MOST = 20 };

static struct office office;
static struct {
    uint64_t window;
    bool deaf;
} pager;
static uint8_t kept[SLOTS][PAGE];

static struct {
    struct actor *actor;
    uint32_t task, word;
    uint64_t at;
} owner;

/* ---- the pager ---- */

static void carry_out(bool load, uint32_t request, uint32_t slot, uint32_t count)
{
    CHECK(slot + count <= SLOTS);
    for (uint32_t i = 0; i < count; i++) {
        OK(swap_show(office.control, request, i, 1, 0));
        if (load)
            memory_write(office.actor, pager.window, kept[slot + i], PAGE);
        else
            memory_read(office.actor, pager.window, kept[slot + i], PAGE);
    }
    OK(swap_done(office.control, request, true));
}

static void hear(uint32_t id, const uint64_t words[2])
{
    if (id != DEFAULT_PAGER_ID_FREED)
        carry_out(id == DEFAULT_PAGER_ID_LOAD, (uint32_t)words[0], (uint32_t)(words[0] >> 32),
                  (uint32_t)words[1]);
}

/* For rest(). */
static bool serve(void)
{
    return !pager.deaf && office_serve(&office, hear);
}

static void take_office(void)
{
    office = office_take(SLOTS, 1, &pager.window);
    pager.deaf = false;
    rest();
}

static void leave_office(void)
{
    office_leave(&office);
    rest();
}

/* ---- whose pages they are ---- */

static void begin_owner(uint32_t word)
{
    owner.actor = actor_new();
    owner.task = give_port(me.actor, owner.actor->task->self_port);
    owner.word = word;
    keep_in(owner.actor->task, owner.actor->send_va, 9);
    OK(vm_allocate(owner.task, 0, MOST * PAGE, VM_ANYWHERE, &owner.at));
    for (unsigned i = 0; i < MOST; i++, word++)
        OK(vm_write(owner.task, owner.at + i * PAGE, (uint8_t *)&word, sizeof(word)));
}

static void end_owner(void)
{
    owner.actor->gone = true;
    end_task(owner.actor);
    actor_drop(owner.actor);
    drop_name(owner.task);
    rest();
}

/* It reads a page. True: it had it, or has got it. */
static bool touches(unsigned page)
{
    owner.actor->action = (struct host_action){.kind = HOST_TOUCH,
                                               .va = owner.at + page * PAGE,
                                               .access = ACCESS_READ};
    post_action(owner.actor);
    return is_done(owner.actor);
}

/* It waits for the first that is out. */
static void touch_what_is_out(void)
{
    unsigned page = 0;
    while (page < MOST && touches(page))
        page++;
    CHECK(page < MOST);
}

static void expect_all(void)
{
    CHECK(is_done(owner.actor));
    for (uint32_t i = 0; i < MOST; i++) {
        uint32_t found = 0;
        CHECK(touches(i));
        memory_read(owner.actor, owner.at + i * PAGE, &found, sizeof(found));
        CHECK_EQUAL(found, owner.word + i);
    }
}

static void begin_round(uint32_t word)
{
    take_office();
    begin_owner(word);
    OK(host_memory_page_out(me.memory, MOST * 2));
    rest();
    CHECK(office_facts().used > 0);
}

static void check_nothing_left(void)
{
    struct host_memory_swap now = office_facts();
    CHECK_EQUAL(now.used, 0);
    CHECK_EQUAL(now.in_flight, 0);
    CHECK_EQUAL(now.slots, 0);
    CHECK_EQUAL(now.lost, 0);
}

/* ---- what happens ---- */

/* It is wanted when there is nobody to be asked. */
static void wanted_in_vacancy(void)
{
    leave_office();
    touch_what_is_out();
    take_office();
    expect_all();
    end_owner();
    leave_office();
}

/* Its predecessor had been asked. */
static void wanted_before(void)
{
    pager.deaf = true;
    touch_what_is_out();
    leave_office();
    CHECK(!is_done(owner.actor));
    take_office();
    expect_all();
    end_owner();
    leave_office();
}

/* Asked for, and then nobody wants it any more. */
static void orphan(bool before)
{
    pager.deaf = true;
    touch_what_is_out();
    if (before)
        end_owner();
    leave_office();
    if (!before)
        end_owner();
}

static void one_round(uint32_t number)
{
    begin_round(number * MOST);
    switch (number % 4) {
    case 0: wanted_in_vacancy(); break;
    case 1: wanted_before(); break;
    default: orphan(number % 4 == 2); break;
    }
    check_nothing_left();
}

static void one_run(void *argument)
{
    static char line[100];
    uint64_t seed = *(uint64_t *)argument;
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_vm_succession",
             (unsigned long long)seed);
    host_set_repeat_line(line);
    ipc_start(seed, 1 + (unsigned)(seed - 1) % 3, false);
    enter();
    office_have_patience();
    keep_in(me.actor->task, me.actor->send_va, 9);
    at_rest = serve;
    for (uint32_t i = 0; i < 4; i++)
        one_round(i); /* what is made once has been made */
    int64_t objects = objects_now();
    for (uint32_t i = 4; i < ROUNDS; i++)
        one_round(i);
    CHECK_EQUAL(objects_now(), objects);
    at_rest = NULL;
    ipc_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 6);
    return world_runs(one_run, first, runs) ? 0 : 1;
}
