/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are out when the default pager dies: whoever wants one goes on as soon as there is a successor, which has what its
 * predecessor kept; and if its owner goes, with or without one, nothing is left of it.
 *
 *      test_vm_succession     WHARF_SEED, WHARF_RUNS
 */
#include "player.h"

#include <kern/paged_object.h>

#include <wharf/if/default_pager_types.h>
#include <wharf/if/swap.h>

enum { SLOTS = 128, ROUNDS = 24, MOST = 20 };

static struct {
    struct actor *actor; /* NULL: there is no pager */
    uint32_t port, control;
    uint64_t window;
    bool serving, deaf;
} office;
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
        OK(swap_show(office.control, request, i, 0));
        if (load)
            memory_write(office.actor, office.window, kept[slot + i], PAGE);
        else
            memory_read(office.actor, office.window, kept[slot + i], PAGE);
    }
    OK(swap_done(office.control, request, true));
}

static void serve_one(void)
{
    struct actor *a = office.actor;
    post(a, (struct message){.receive = office.port, .size = 512, .deadline = PAST});
    CHECK_EQUAL(result(a), KERN_SUCCESS);
    uint64_t words[2] = {got_word(a, 0), got_word(a, 1)};
    if (got_id(a) != DEFAULT_PAGER_ID_FREED)
        carry_out(got_id(a) == DEFAULT_PAGER_ID_LOAD, (uint32_t)words[0],
                  (uint32_t)(words[0] >> 32), (uint32_t)words[1]);
}

/* For rest(). */
static bool serve(void)
{
    bool did = false;
    if (!office.actor || office.serving || office.deaf)
        return false;
    office.serving = true;
    client_use(office.actor);
    for (; port_behind(office.actor, office.port)->queued > 0; did = true)
        serve_one();
    client_use(me.actor);
    office.serving = false;
    return did;
}

static struct host_memory_swap facts(void)
{
    struct host_memory_swap now;
    OK(host_memory_get_swap(me.memory, &now));
    return now;
}

static void take_office(void)
{
    struct actor *actor = actor_new();
    uint32_t memory = give_port(actor, host.port[KOBJECT_HOST_MEMORY]);
    bool has_slots = facts().slots > 0;
    office.port = port_new(actor);
    CHECK_EQUAL(send_to(actor, actor, office.port), office.port);
    office.deaf = true; /* until it has its window */
    client_use(actor);
    OK(host_memory_set_default_pager(memory, office.port, &office.control));
    OK(swap_window(office.control, 1, &office.window));
    if (!has_slots)
        OK(swap_add_slots(office.control, SLOTS));
    client_use(me.actor);
    office.actor = actor;
    office.deaf = false;
    rest();
}

static void leave_office(void)
{
    struct actor *actor = office.actor;
    office.actor = NULL;
    end_task(actor);
    actor_drop(actor);
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
    CHECK(facts().used > 0);
}

static void check_nothing_left(void)
{
    struct host_memory_swap now = facts();
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
    office.deaf = true;
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
    office.deaf = true;
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

/* Longer than any rest. */
static void set_patience(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(3600 * UINT64_C(1000000000));
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
    in_kernel(set_patience, NULL);
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
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t seed = first + i;
        if (runs == 1)
            one_run(&seed);
        else if (!world_in_child(one_run, &seed))
            return 1;
    }
    return 0;
}
