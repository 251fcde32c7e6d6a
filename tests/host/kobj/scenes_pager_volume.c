/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a pager may owe (kern/pager_volume.h): pages written to are returned by themselves, and beyond a limit nobody writes.
 */
#include "pager_stage.h"

#include <kern/frame.h>

static void set_limit(void *pages)
{
    paged_volume_set_limit(*(uint64_t *)pages);
}

/* An object with all its pages there. */
static uint32_t fill(uint32_t of)
{
    uint32_t name = hear_init(of);
    OK(memory_object_ready(name, false, PAGE));
    for (unsigned page = 0; page < PAGES; page++)
        OK(memory_object_supply(name, page * PAGE, store, PAGE, 0));
    return name;
}

static void begin_limited(uint64_t limit)
{
    begin();
    in_kernel(set_limit, &limit);
    control = fill(port);
}

static void write_first(uint64_t at, unsigned page)
{
    write_page(at, page, 70 + page);
    check_done(KERN_SUCCESS);
}

static void end_object(void)
{
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

void scene_pager_owes(void)
{
    begin_limited(2);
    write_first(mapped, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1); /* half: by itself */
    CHECK_EQUAL(got_word(me.actor, 2), 0x101);
    write_first(mapped, 0); /* it is written to already */
    write_first(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 1);
    write_page(mapped, 2, 3);
    CHECK(!is_done(reader));
    CHECK_EQUAL(word_at(mapped + 3 * PAGE), 0x1234); /* who reads does not wait */
    OK(memory_object_collect(control, 0, store));
    check_done(KERN_SUCCESS);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 2, 1);

    write_page(mapped, 0, 9); /* nothing is fetched */
    CHECK(!is_done(reader));
    pass_time(29 * SECOND);
    CHECK(!is_done(reader));
    pass_time(2 * SECOND);
    check_done(KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(word_at(mapped) & 0xffffffff, 70);
    write_page(mapped, 0, 9); /* waits anew, and its thread ends */
    CHECK(!is_done(reader));
    end_thread(reader);
    rest();
    OK(memory_object_collect(control, PAGE, store));
    OK(memory_object_collect(control, 2 * PAGE, store));
    CHECK(hears_nothing());
    end_object();
}

/* What is flushed unseen is not owed any more. */
void scene_pager_owes_no_more(void)
{
    begin_limited(2);
    write_first(mapped, 0);
    write_first(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 1);
    write_page(mapped, 2, 3);
    CHECK(!is_done(reader));
    OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
    check_done(KERN_SUCCESS);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 2, 1);
    write_page(mapped, 3, 3);
    CHECK(!is_done(reader));
    OK(memory_object_destroy(control, 1));
    check_done(KERN_TERMINATED);
    end_object();
}

/* All objects of a task count together, and where the receive right goes the count goes, too. */
void scene_pager_owes_in_all(void)
{
    uint32_t its, self;
    begin_limited(2);
    uint32_t other = own_port();
    uint64_t there = map_object(other, PAGES, 0);
    uint32_t other_control = fill(other);
    write_first(mapped, 0);
    write_first(mapped, 1);
    write_page(there, 0, 1);
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, 0, store));
    check_done(KERN_SUCCESS); /* owed: page 1, and 0 of the other */
    write_page(there, 1, 1);
    CHECK(!is_done(reader));

    uint32_t child = child_new(0, 0, &self);
    OK(port_insert_receive(child, 0, port, &its));
    check_done(KERN_SUCCESS); /* by the child now: page 1 */
    write_page(there, 2, 1);
    CHECK(!is_done(reader)); /* by this task: two pages of the other */
    OK(port_insert_receive(child, 0, other, &its));
    rest();
    CHECK(!is_done(reader)); /* by the child: three */
    OK(memory_object_collect(other_control, 0, store));
    check_done(KERN_SUCCESS); /* one out, one in */
    write_page(there, 3, 1);
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, PAGE,
                             store)); /* of the one object: who waits at the other goes on */
    check_done(KERN_SUCCESS);
    write_page(mapped, 2, 1);
    CHECK(!is_done(reader));
    child_end(child);
    check_done(KERN_SUCCESS); /* to nobody */
    OK(vm_deallocate(me.task, there, PAGES * PAGE));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(control);
    drop_control(other_control);
    drop_name(port);
    drop_name(other);
}

/* ---- what lock_request waits for, and who waits in vain for what ---- */

void scene_pager_lock_among_returns(void)
{
    begin_limited(2);
    write_first(mapped, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    write_first(mapped, 3); /* on its way, too */
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 3, 1);
    OK(memory_object_lock_request(control, 0, 2 * PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false, true));
    CHECK(hears_nothing());
    OK(memory_object_collect(control, 0, store));
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, 2); /* that is all it was about */
    OK(memory_object_collect(control, 3 * PAGE, store));
    CHECK(hears_nothing());
    end_object();
}

static bool unanswered;

static void look_for_unanswered(void *page)
{
    struct port *behind;
    CHECK_EQUAL(space_receive_port(me.actor->task->space, port, &behind), KERN_SUCCESS);
    struct paged_object *object = behind->object;
    spin_lock(&object->lock);
    unanswered = paged_is_unanswered(object, paged_lookup(object, *(uint64_t *)page));
    spin_unlock(&object->lock);
    port_unref(behind);
}

static bool is_unanswered(uint64_t page)
{
    in_kernel(look_for_unanswered, &page);
    return unanswered;
}

void scene_pager_does_not_answer(void)
{
    begin_limited(4);
    write_first(mapped, 0);
    CHECK(!is_unanswered(0));
    write_first(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 2);
    pass_time(20 * SECOND);
    CHECK(!is_unanswered(0) && !is_unanswered(2));
    OK(memory_object_collect(control, 0, store)); /* one: the others get their time anew */
    pass_time(20 * SECOND);
    CHECK(!is_unanswered(0) && !is_unanswered(1));
    pass_time(20 * SECOND);
    CHECK(!is_unanswered(0) && is_unanswered(1) && !is_unanswered(2));
    OK(memory_object_collect(control, PAGE, store));
    CHECK(!is_unanswered(1));
    end_object();
}
