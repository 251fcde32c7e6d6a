/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of an object that has lost its pager leave for swap, and while they are on their way there the object goes, too. The frames are
 * the default pager's then until it answers, and name no object: page-out, which looks at them again, would find one that
 * is not there any more.
 */
#include <kern/pageout.h>

#include "office.h"

enum { SLOTS = 256, MOST = 40, ROUNDS = 12, LOOKS = 6 };

static void want(void *pages)
{
    pageout_demand(*(unsigned *)pages);
}

/* The hand goes round, though nothing more may leave. */
static void look_again(void)
{
    unsigned pages = 4 * MOST;
    for (unsigned i = 0; i < LOOKS; i++) {
        in_kernel(want, &pages);
        rest();
    }
}

static uint32_t hear_init(uint32_t port)
{
    post(me.actor, (struct message){.receive = port, .size = 512, .deadline = PAST});
    CHECK_EQUAL(result(me.actor), KERN_SUCCESS);
    CHECK_EQUAL(got_id(me.actor), MEMORY_PAGER_ID_INIT);
    return (uint32_t)got_descriptor(me.actor, 0).value;
}

/* A task maps an object, writes to all of it, and the object's pager goes. */
static uint32_t abandoned(uint64_t *at)
{
    uint32_t port = own_port(), task = child_new(0, 0, NULL);
    uint64_t word = 7;
    OK(vm_map(task, 0, MOST * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, at));
    uint32_t control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(memory_object_unavailable(control, 0, MOST * PAGE));
    for (unsigned i = 0; i < MOST; i++)
        OK(vm_write(task, *at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    drop_name(port);
    drop_name(control);
    return task;
}

static unsigned one_round(void)
{
    struct office office = office_take(SLOTS, 0, NULL);
    uint64_t at;
    uint32_t task = abandoned(&at);
    look_again();
    unsigned leaving = office_facts().in_flight;
    child_end(task);
    look_again();
    office_leave(&office);
    rest();
    CHECK_EQUAL(office_facts().used, 0);
    return leaving;
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    ipc_start(1, 2, false);
    enter();
    keep_in(me.actor->task, me.actor->send_va, 9);
    unsigned leaving = one_round(); /* what is made once has been made */
    int64_t objects = objects_now();
    for (unsigned round = 1; round < ROUNDS; round++)
        leaving += one_round();
    CHECK_EQUAL(objects_now(), objects);
    CHECK(leaving > 0);
    ipc_end();
    return 0;
}
