/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See office.h. Slots go with a holder who keeps nothing: whoever comes next brings its own.
 */
#include "office.h"

struct host_memory_swap office_facts(void)
{
    struct host_memory_swap now;
    OK(host_memory_get_swap(me.memory, &now));
    return now;
}

struct office office_take(uint32_t slots, uint32_t window, uint64_t *at)
{
    struct office office = {.actor = actor_new()};
    uint32_t memory = give_port(office.actor, host.port[KOBJECT_HOST_MEMORY]);
    bool has_slots = office_facts().slots > 0;
    uint32_t first;
    office.port = port_new(office.actor);
    CHECK_EQUAL(send_to(office.actor, office.actor, office.port), office.port);
    client_use(office.actor);
    OK(host_memory_set_default_pager(memory, office.port, &office.control));
    if (window > 0)
        OK(swap_window(office.control, window, at));
    if (!has_slots)
        OK(swap_add_area(office.control, slots, 0, NULL, 0, &first));
    client_use(me.actor);
    return office;
}

void office_leave(struct office *office)
{
    struct actor *actor = office->actor;
    *office = (struct office){.actor = NULL};
    end_task(actor);
    actor_drop(actor);
}

bool office_serve(struct office *office, office_hear_t *hear)
{
    struct actor *actor = office->actor;
    bool did = false;
    if (!actor || office->busy)
        return false;
    office->busy = true;
    client_use(actor);
    for (; port_behind(actor, office->port)->queued > 0; did = true) {
        post(actor, (struct message){.receive = office->port, .size = 512, .deadline = PAST});
        CHECK_EQUAL(result(actor), KERN_SUCCESS);
        const uint64_t words[2] = {got_word(actor, 0), got_word(actor, 1)};
        hear((uint32_t)got_id(actor), words);
    }
    client_use(me.actor);
    office->busy = false;
    return did;
}

static void set_patience(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(PATIENCE);
}

void office_have_patience(void)
{
    in_kernel(set_patience, NULL);
}

int office_rounds(char **argv, void (*round)(void))
{
    enum { ROUNDS = 8 };
    fix_addresses(argv);
    ipc_start(1, 2, false);
    enter();
    keep_in(me.actor->task, me.actor->send_va, 9);
    round();
    int64_t objects = objects_now();
    for (unsigned i = 1; i < ROUNDS; i++)
        round();
    CHECK_EQUAL(objects_now(), objects);
    ipc_end();
    return 0;
}
