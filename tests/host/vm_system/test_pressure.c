/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Levels of memory's pressure: who watches hears that pages leave, and that none can leave any more, when what they go to is full; who
 * needs memory then waits until somebody has done something about it, or, where nobody watches, learns that there is none.
 *
 *      test_vm_pressure
 */
#include "office.h"

#include <string.h>

#include <wharf/if/default_pager_types.h>
#include <wharf/if/memory_pressure_types.h>

enum { SLOTS = 64, PAGEABLE = 400, TOUCHED = 5000, LEFT = 4000 };

static struct office office;
static bool deaf;

/* What is stored is not asked for again here. */
static void hear(uint32_t id, const uint64_t words[2])
{
    CHECK(id != DEFAULT_PAGER_ID_LOAD);
    if (id == DEFAULT_PAGER_ID_STORE)
        OK(swap_done(office.control, (uint32_t)words[0], true));
}

/* For rest(). */
static bool serve(void)
{
    return !deaf && office_serve(&office, hear);
}

/* ---- who watches ---- */

static bool hears(uint32_t port, uint64_t *level)
{
    post(me.actor, (struct message){.receive = port, .size = 512, .deadline = PAST});
    if (result(me.actor) != KERN_SUCCESS)
        return false;
    CHECK_EQUAL(got_id(me.actor), MEMORY_PRESSURE_ID_CHANGED);
    *level = got_word(me.actor, 0);
    rest(); /* the next may come */
    return true;
}

static uint64_t last_heard(uint32_t port, uint64_t before)
{
    while (hears(port, &before))
        ;
    return before;
}

static void check_places(uint32_t port)
{
    enum { PLACES = 8 };
    uint32_t more[PLACES];
    GIVES(KERN_BUSY, host_memory_watch_pressure(me.memory, port));
    GIVES(KERN_INVALID_CAPABILITY, host_memory_watch_pressure(me.memory, me.task));
    GIVES(KERN_INVALID_CAPABILITY, host_memory_watch_pressure(me.memory, 0));
    for (unsigned i = 0; i < PLACES - 1; i++)
        OK(host_memory_watch_pressure(me.memory, more[i] = own_port()));
    more[PLACES - 1] = own_port();
    GIVES(KERN_LIMIT, host_memory_watch_pressure(me.memory, more[PLACES - 1]));
    for (unsigned i = 0; i < PLACES; i++)
        OK(port_mod_refs(me.task, more[i], PORT_RIGHT_RECEIVE, -1));
    rest();
    for (unsigned i = 0; i < PLACES; i++)
        drop_name(more[i]);
}

/* ---- who needs memory ---- */

static uint64_t allocate(uint32_t task, uint64_t pages)
{
    uint64_t at;
    OK(vm_allocate(task, 0, pages * PAGE, VM_ANYWHERE, &at));
    return at;
}

/* Half of all is in use, but for some, and stays; some could leave. */
static uint32_t fill_memory(void)
{
    struct host_memory_statistics now;
    uint32_t task = child_new(0, 0, NULL);
    uint64_t word = 1, at = allocate(task, PAGEABLE);
    for (unsigned i = 0; i < PAGEABLE; i++)
        OK(vm_write(task, at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    OK(host_memory_statistics(me.host, &now));
    const uint64_t pages = now.free - now.managed / 2 - LEFT;
    at = allocate(task, pages);
    OK(host_memory_wire(me.memory, task, at, pages * PAGE));
    return task;
}

static void keep_half(bool kept)
{
    struct host_memory_statistics now;
    OK(host_memory_statistics(me.host, &now));
    OK(host_memory_set_reserve(me.memory, kept ? now.managed / 2 : 0));
    rest();
}

/* Page after page until it waits: CPUs have some frames of their own. */
static void touch_until_waits(struct actor *waiter, uint64_t at)
{
    for (unsigned page = 0; page < TOUCHED && is_done(waiter); page++) {
        waiter->action = (struct host_action){.kind = HOST_TOUCH,
                                              .va = at + page * PAGE,
                                              .access = ACCESS_WRITE};
        post_action(waiter);
    }
}

/* ---- what happens ---- */

static void full_and_watched(struct actor *waiter)
{
    uint64_t level = MEMORY_PRESSURE_LEVEL_NORMAL, at = allocate(me.task, TOUCHED);
    uint32_t port = own_port();
    office = office_take(SLOTS, 0, NULL);
    OK(host_memory_watch_pressure(me.memory, port));
    rest();
    CHECK(!hears(port, &level));
    uint32_t task = fill_memory();
    keep_half(true);
    CHECK(!hears(port, &level));
    touch_until_waits(waiter, at);
    CHECK(!is_done(waiter));
    CHECK(hears(port, &level));
    CHECK(level >= MEMORY_PRESSURE_LEVEL_PAGING);
    CHECK_EQUAL(last_heard(port, level), MEMORY_PRESSURE_LEVEL_FULL);
    CHECK_EQUAL(office_facts().used, SLOTS);
    pass_time(SECOND);
    CHECK(!is_done(waiter));
    CHECK(!hears(port, &level));
    child_end(task);
    pass_time(SECOND);
    CHECK(is_done(waiter));
    pass_time(SECOND);
    CHECK_EQUAL(last_heard(port, level), MEMORY_PRESSURE_LEVEL_NORMAL);
    keep_half(false);
    check_places(port);
    office_leave(&office);
    OK(vm_deallocate(me.task, at, TOUCHED * PAGE));
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    drop_name(port);
    rest();
}

/* Longer than any test. */
/* Pages are with a pager that does nothing about them: the log says so, and who waits for what. */
static void stands_still(void)
{
    uint32_t task = child_new(0, 0, NULL);
    uint64_t word = 1, at = allocate(task, PAGEABLE);
    for (unsigned i = 0; i < PAGEABLE; i++)
        OK(vm_write(task, at + i * PAGE, (uint8_t *)&word, sizeof(word)));
    office = office_take(SLOTS, 0, NULL);
    deaf = true;
    OK(host_memory_page_out(me.memory, PAGEABLE));
    rest();
    CHECK(office_facts().in_flight > 0);
    host_console_clear();
    for (unsigned n = 0; n < 4; n++)
        pass_time(SECOND);
    CHECK(strstr(host_console_text(), "page-out: ") == NULL);
    for (unsigned n = 0; n < 4; n++)
        pass_time(SECOND);
    CHECK(strstr(host_console_text(), "page-out: nothing has come or gone for ") != NULL);
    CHECK(strstr(host_console_text(), " waits for ") != NULL);
    deaf = false;
    rest();
    child_end(task);
    rest();
    office_leave(&office);
    for (unsigned n = 0; n < 3; n++) /* until the level has fallen */
        pass_time(SECOND);
}

int main(int argc, char **argv)
{
    enum { ROUNDS = 3 };
    (void)argc;
    fix_addresses(argv);
    ipc_start(1, 2, false);
    enter();
    office_have_patience();
    keep_in(me.actor->task, me.actor->send_va, 9);
    at_rest = serve;
    struct actor *waiter = actor_mate(me.actor, ACTOR_PRIORITY);
    for (unsigned round = 0; round < ROUNDS; round++)
        full_and_watched(waiter); /* what is made once has been made */
    stands_still();
    int64_t objects = objects_now();
    for (unsigned round = 0; round < ROUNDS; round++)
        full_and_watched(waiter);
    stands_still();
    CHECK_EQUAL(objects_now(), objects);
    at_rest = NULL;
    ipc_end();
    return 0;
}
