/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port of a pager goes to another task, as after its death: the next one is told all that the first has not answered (kern/paged_object.h: Q9).
 */
#include "pager_stage.h"

static uint32_t child;

/* The receive right is with a child, which receives nothing, and comes back: it has moved twice. */
static void change_pagers(void)
{
    uint32_t its_name, name;
    OK(port_insert_receive(child, 0, port, &its_name));
    rest();
    OK(port_extract_receive(child, its_name, &name));
    CHECK_EQUAL(name, port);
    rest();
}

/* The same control port: its name has one reference more. */
static void hear_init_again(void)
{
    CHECK_EQUAL(hear_init(port), control);
    drop_name(control);
}

static void begin_ready(uint32_t cluster)
{
    uint32_t self;
    begin();
    child = child_new(0, 0, &self);
    control = hear_init(port);
    OK(memory_object_ready(control, false, cluster));
}

static void end(void)
{
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    child_end(child);
}

/* Received, and never answered. */
void scene_pager_successor_answers(void)
{
    begin_ready(PAGE);
    read_page(mapped, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    pass_time(20 * SECOND);
    change_pagers();
    CHECK(!is_done(reader));
    hear_init_again();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1); /* queued while the child had the port */
    hear_init_again();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    CHECK(hears_nothing());
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    read_page(mapped, 1); /* the deadline is the first one's */
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    pass_time(20 * SECOND);
    change_pagers();
    pass_time(11 * SECOND);
    check_done(KERN_OPERATION_TIMED_OUT);
    hear_init_again();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    hear_init_again();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(memory_object_supply(control, PAGE, store, PAGE, 0));
    CHECK(hears_nothing());
    end();
}

/* Queued, and received by the next one before it has been told anything else: it comes again behind init. */
void scene_pager_successor_inherits(void)
{
    begin_ready(PAGE);
    read_page(mapped, 0);
    CHECK(!is_done(reader));
    change_pagers();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1); /* whose control port it does not know */
    hear_init_again();
    hear_init_again();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    CHECK(hears_nothing());
    OK(memory_object_unavailable(control, 0, PAGE));
    check_done(KERN_SUCCESS);
    change_pagers(); /* nothing is owed */
    hear_init_again();
    hear_init_again();
    CHECK(hears_nothing());
    end();
}

/* Written pages that were announced and not fetched, and a lock_request that nobody awaits any more. */
void scene_pager_successor_fetches(void)
{
    uint64_t word = 77;
    begin_ready(PAGE);
    for (unsigned page = 0; page < PAGES; page++) {
        OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
        OK(vm_write(me.task, mapped + page * PAGE, (uint8_t *)&word, sizeof(word)));
    }
    OK(memory_object_lock_request(control, 0, 3 * PAGE, MEMORY_OBJECT_RETURNS_DIRTY, true, true));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 3);
    OK(memory_object_collect(control, PAGE, store + PAGE));
    change_pagers();
    for (unsigned i = 0; i < 2; i++) {
        hear_init_again();
        hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
        CHECK_EQUAL(got_word(me.actor, 2), 1); /* dirty, and goes */
        hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 2, 1);
    }
    CHECK(hears_nothing());
    OK(memory_object_collect(control, 0, store));
    OK(memory_object_collect(control, 2 * PAGE, store));
    CHECK(hears_nothing()); /* no lock_completed */
    GIVES(KERN_NOT_FOUND, memory_object_collect(control, 0, store));
    OK(memory_object_lock_request(control, 0, PAGES * PAGE, MEMORY_OBJECT_RETURNS_DIRTY, true,
                                  true));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 3, 1);
    OK(memory_object_collect(control, 3 * PAGE, store));
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, PAGES);
    end();
}

/* Nobody maps it any more, and what was written is to be fetched. */
void scene_pager_successor_of_the_end(void)
{
    uint64_t word = 77;
    begin_ready(PAGE);
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    OK(vm_write(me.task, mapped, (uint8_t *)&word, sizeof(word)));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    change_pagers();
    for (unsigned i = 0; i < 2; i++) {
        hear_init_again();
        hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    }
    OK(memory_object_collect(control, 0, store));
    CHECK_EQUAL(word_at(store), 77);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    child_end(child);
}
