/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a program supplies (pager_stage.h): its pages, and the object's life.
 */
#include "pager_stage.h"

#include <kern/frame.h>
#include <kern/sched.h>
#include <kern/thread.h>

void scene_pager(void)
{
    begin();
    read_page(mapped, 0);
    CHECK(!is_done(reader));
    control = hear_init(port);
    CHECK(hears_nothing());
    OK(memory_object_ready(control, false, PAGE));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    CHECK_EQUAL(got_word(me.actor, 2), VM_PROT_READ);
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    read_page(mapped, 0);
    check_done(KERN_SUCCESS);
    CHECK(hears_nothing());

    OK(memory_object_ready(control, false, 16 * PAGE));
    read_page(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 3);
    OK(memory_object_error(control, PAGE, PAGE, 5));
    check_done(KERN_MEMORY_ERROR);
    read_page(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 3);
    OK(memory_object_unavailable(control, PAGE, PAGE));
    check_done(KERN_SUCCESS);
    read_page(mapped, 2);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 2);
    OK(memory_object_supply(control, 3 * PAGE, store, PAGE,
                            0)); /* not the one that is waited for */
    rest();
    CHECK(!is_done(reader));
    OK(memory_object_supply(control, 2 * PAGE, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

void scene_pager_is_silent(void)
{
    begin();
    read_page(mapped, 0);
    pass_time(31 * SECOND);
    check_done(KERN_OPERATION_TIMED_OUT);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    read_page(mapped, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    pass_time(29 * SECOND);
    CHECK(!is_done(reader));
    pass_time(2 * SECOND);
    check_done(KERN_OPERATION_TIMED_OUT);
    read_page(mapped, 0); /* asked once more */
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    read_page(mapped, 1); /* a thread that ends while it waits */
    CHECK(!is_done(reader));
    end_thread(reader);
    rest();
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    hear(MEMORY_PAGER_ID_TERMINATE);
    GIVES(MACH_SEND_INVALID_DEST, memory_object_ready(control, false, PAGE));
    drop_control(control);
}

void scene_pager_ends(void)
{
    uint64_t at;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    read_page(mapped, 0);
    CHECK(!is_done(reader));
    OK(memory_object_destroy(control, 3));
    check_done(KERN_TERMINATED);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    hear(MEMORY_PAGER_ID_TERMINATE);
    uint64_t before = mapped;
    mapped = map_object(port, PAGES, 0); /* a new one */
    drop_control(control);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    read_page(mapped, 1);
    CHECK(!is_done(reader));
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    check_done(KERN_MEMORY_FAILURE);
    GIVES(KERN_INVALID_CAPABILITY,
          vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE, port, 1, 1, VM_INHERIT_SHARE, &at));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    OK(vm_deallocate(me.task, before, PAGES * PAGE));
    drop_control(control);
    drop_name(port);
}

void scene_pager_gets_back(void)
{
    uint64_t word = 77, got = 0;
    uint32_t size;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    for (unsigned page = 0; page < PAGES; page++)
        OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
    OK(vm_write(me.task, mapped + PAGE, (uint8_t *)&word, sizeof(word)));
    OK(vm_write(me.task, mapped + 2 * PAGE, (uint8_t *)&word, sizeof(word)));
    OK(memory_object_lock_request(control, 0, PAGES * PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false,
                                  true));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 2);
    CHECK_EQUAL(got_word(me.actor, 2), 0x101); /* dirty, and kept */
    OK(memory_object_collect(control, PAGE, store));
    GIVES(KERN_INVALID_ADDRESS, memory_object_collect(control, 2 * PAGE, 0x10));
    CHECK(hears_nothing());
    OK(memory_object_collect(control, 2 * PAGE, store + PAGE));
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, PAGES);
    OK(vm_read(me.task, store + PAGE, 8, (uint8_t *)&got, &size));
    CHECK_EQUAL(got, 77);
    OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
    GIVES(KERN_NOT_FOUND, memory_object_collect(control, 0, store));
    OK(vm_write(me.task, mapped + 3 * PAGE, (uint8_t *)&word, sizeof(word)));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 3, 1);
    mapped = map_object(port, PAGES, 0); /* it goes on */
    OK(memory_object_collect(control, 3 * PAGE, store));
    OK(vm_read(me.task, mapped + PAGE, 8, (uint8_t *)&got, &size));
    CHECK_EQUAL(got, 77);
    OK(vm_write(me.task, mapped + PAGE, (uint8_t *)&word, sizeof(word)));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 1);
    CHECK(hears_nothing());
    pass_time(31 * SECOND); /* not fetched: lost */
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* Of two lock_requests the second is completed when the first has been heard of; not behind the end. */
void scene_pager_ends_among_locks(void)
{
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    for (unsigned i = 0; i < 2; i++)
        OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false, true));
    GIVES(KERN_BUSY,
          memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false, true));
    OK(memory_object_destroy(control, 3));
    rest();
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, 1);
    rest();
    hear(MEMORY_PAGER_ID_TERMINATE);
    CHECK(hears_nothing());
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(control);
}

/* The reader waits for what it asks until the pager has fetched. */
static void sync_by_reader(uint64_t pages, uint32_t flags)
{
    post(reader, (struct message){.dest = me.task,
                                  .remote = MSG_COPY_SEND,
                                  .id = VM_ID_SYNC,
                                  .how_local = MSG_MAKE_REPLY,
                                  .receive = MSG_REPLY,
                                  .length = 24,
                                  .size = 512,
                                  .body = {mapped, pages * PAGE, flags}});
}

static void write_word(unsigned page, uint64_t word)
{
    OK(vm_write(me.task, mapped + (uint64_t)page * PAGE, (uint8_t *)&word, sizeof(word)));
}

/* What was written is returned when somebody asks for it. */
void scene_pager_syncs(void)
{
    begin();
    control = hear_init(port);
    OK(vm_sync(me.task, mapped, PAGES * PAGE, VM_SYNC_WAIT)); /* nothing is there */
    OK(memory_object_ready(control, false, PAGE));
    for (unsigned page = 0; page < PAGES; page++)
        OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
    OK(vm_sync(me.task, mapped, PAGES * PAGE, VM_SYNC_WAIT)); /* nothing was written */
    GIVES(KERN_INVALID_VALUE, vm_sync(me.task, mapped, PAGE, 4));
    GIVES(KERN_INVALID_ARGUMENT, vm_sync(me.task, mapped + 8, PAGE, 0));
    GIVES(KERN_INVALID_ARGUMENT, vm_sync(me.task, mapped, 0, 0));
    GIVES(KERN_INVALID_ADDRESS, vm_sync(me.task, mapped, PAGES * PAGE + 1, VM_SYNC_WAIT));
    GIVES(KERN_INVALID_ADDRESS, vm_sync(me.task, mapped, UINT64_MAX, 0));
    OK(vm_sync(me.task, store, PAGES * PAGE, VM_SYNC_WAIT | VM_SYNC_INVALIDATE)); /* no pager's */
    CHECK(hears_nothing());

    /* of three pages that were written two are in the range */
    write_word(0, 10), write_word(1, 11), write_word(3, 13);
    OK(vm_sync(me.task, mapped, 2 * PAGE, 0));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 2);
    sync_by_reader(2, VM_SYNC_WAIT);
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, 0, store));
    rest();
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, PAGE, store));
    check_done(KERN_SUCCESS);
    CHECK(hears_nothing());

    /* all are taken away, those that were written when they have been fetched */
    sync_by_reader(PAGES, VM_SYNC_WAIT | VM_SYNC_INVALIDATE);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 3, 1);
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, 3 * PAGE, store));
    check_done(KERN_SUCCESS);
    for (unsigned page = 0; page < PAGES; page++)
        GIVES(KERN_NOT_FOUND, memory_object_collect(control, page * PAGE, store));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* It is not, or nobody waits any more, or the pager goes. */
void scene_pager_syncs_in_vain(void)
{
    uint64_t there;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    write_word(0, 20);
    sync_by_reader(1, VM_SYNC_WAIT);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    pass_time(31 * SECOND);
    check_done(KERN_OPERATION_TIMED_OUT);
    sync_by_reader(1, VM_SYNC_WAIT); /* it is not announced again, and may be fetched still */
    CHECK(!is_done(reader));
    OK(memory_object_collect(control, 0, store));
    check_done(KERN_SUCCESS);

    /* wired pages are not taken away */
    OK(host_memory_wire(me.memory, me.task, mapped, PAGE));
    GIVES(KERN_BUSY, vm_sync(me.task, mapped, PAGE, VM_SYNC_INVALIDATE));
    OK(host_memory_unwire(me.memory, me.task, mapped, PAGE));

    /* the object goes while somebody waits */
    write_word(0, 30);
    sync_by_reader(1, VM_SYNC_WAIT);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    OK(memory_object_destroy(control, 3));
    check_done(KERN_TERMINATED);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    GIVES(KERN_TERMINATED, vm_sync(me.task, mapped, PAGE, 0));
    there = mapped;
    mapped = map_object(port, PAGES, 0);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    write_word(0, 40);
    sync_by_reader(1, VM_SYNC_WAIT);
    CHECK(!is_done(reader));
    end_thread(reader);
    rest();
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    GIVES(KERN_MEMORY_FAILURE, vm_sync(me.task, mapped, PAGE, VM_SYNC_WAIT));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    OK(vm_deallocate(me.task, there, PAGES * PAGE));
    drop_control(control);
    drop_name(port);
}

static void fail_nth(void *n)
{
    (void)alloc_fail_nth(*(uint64_t *)n);
}

/* Every allocation on the way of a page fails once; then the same is done again. */
void scene_pager_failures(void)
{
    uint64_t none = 0, at = 0;
    begin();
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    control = hear_init(port);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    kern_return_t kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        in_kernel(fail_nth, &n);
        kr = vm_map(me.task, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at);
        in_kernel(fail_nth, &none);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        if (kr != KERN_SUCCESS && !hears_nothing()) { /* the object was made, and given up */
            control = (uint32_t)got_descriptor(me.actor, 0).value;
            hear(MEMORY_PAGER_ID_TERMINATE);
            drop_control(control);
        }
        CHECK(n < 100);
    }
    mapped = at;
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        in_kernel(fail_nth, &n);
        kr = memory_object_supply(control, 0, store, PAGE, 0);
        in_kernel(fail_nth, &none);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        CHECK(n < 100);
    }
    read_page(mapped, 0);
    check_done(KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* ---- who waits lends the pager's thread its priority ---- */

static void look_at_priority(void *out)
{
    *(unsigned *)out = sched_effective(me.actor->thread);
}

static unsigned priority_of_pager(void)
{
    unsigned priority;
    in_kernel(look_at_priority, &priority);
    return priority;
}

void scene_pager_is_lent_priority(void)
{
    enum { URGENT = ACTOR_PRIORITY + 20, MORE_URGENT = ACTOR_PRIORITY + 30 };
    begin();
    struct actor *urgent = actor_mate(me.actor, URGENT), *more = actor_mate(me.actor, MORE_URGENT);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    post(me.actor, (struct message){.receive = port, .size = 512}); /* it waits */
    CHECK_EQUAL(priority_of_pager(), ACTOR_PRIORITY);
    reader = urgent;
    read_page(mapped, 0);
    CHECK(is_done(me.actor));
    CHECK_EQUAL(got_id(me.actor), MEMORY_PAGER_ID_DATA_REQUEST);
    CHECK_EQUAL(priority_of_pager(), URGENT);
    reader = more;
    read_page(mapped, 0); /* while that one is worked on */
    CHECK_EQUAL(priority_of_pager(), MORE_URGENT);
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    reader = urgent;
    check_done(KERN_SUCCESS);
    post(me.actor, (struct message){.receive = port, .size = 512});
    reader = actor_mate(me.actor, ACTOR_PRIORITY);
    read_page(mapped, 1); /* nobody urgent any more */
    CHECK(is_done(me.actor));
    CHECK_EQUAL(priority_of_pager(), ACTOR_PRIORITY);
    OK(memory_object_supply(control, PAGE, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    reader = urgent;
    read_page(mapped, 2); /* it does something else meanwhile, and has received from the port */
    CHECK_EQUAL(priority_of_pager(), URGENT);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 1);
    CHECK_EQUAL(priority_of_pager(), URGENT);
    OK(memory_object_supply(control, 2 * PAGE, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}
