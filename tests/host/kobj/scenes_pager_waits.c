/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for pages is told what concerns it, once, and nothing else.
 */
#include "pager_stage.h"

#include <wharf/if/default_pager_types.h>
#include <wharf/if/swap.h>

static void have_page_read(struct actor *who, unsigned page)
{
    post(who, (struct message){.dest = me.task,
                               .remote = MSG_COPY_SEND,
                               .id = VM_ID_READ,
                               .how_local = MSG_MAKE_REPLY,
                               .receive = MSG_REPLY,
                               .length = 16,
                               .size = 512,
                               .body = {mapped + (uint64_t)page * PAGE, 8}});
}

static void check_read_of(const struct actor *who, kern_return_t kr)
{
    rest();
    CHECK(is_done(who));
    CHECK_EQUAL(got_id(who), kr);
}

/* An error is told to those who wait when it is said, and to nobody later; who comes later has the page asked for anew. */
void scene_pager_says_error_once(void)
{
    begin();
    struct actor *second = actor_mate(me.actor, ACTOR_PRIORITY);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGES * PAGE));
    read_page(mapped, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, PAGES);
    OK(memory_object_error(control, 2 * PAGE, PAGE, 5)); /* nobody waits for that one */
    have_page_read(second, 2);
    CHECK(!is_done(second));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 2);
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    CHECK(!is_done(second));
    OK(memory_object_supply(control, 2 * PAGE, store, PAGE, 0));
    check_read_of(second, KERN_SUCCESS);
    OK(memory_object_error(control, 3 * PAGE, PAGE, 5));
    read_page(mapped, 3);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 3, 1);
    OK(memory_object_unavailable(control, 3 * PAGE, PAGE));
    check_done(KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

static void have_copied(uint32_t task, uint64_t from, uint64_t to)
{
    post(reader, (struct message){.dest = task,
                                  .remote = MSG_COPY_SEND,
                                  .id = VM_ID_COPY,
                                  .how_local = MSG_MAKE_REPLY,
                                  .receive = MSG_REPLY,
                                  .length = 24,
                                  .size = 512,
                                  .body = {from, 2 * PAGE, to}});
}

/* An error that was not needed any more, for the memory had gone, or the page had come, is not told the next time. */
void scene_pager_error_is_forgotten(void)
{
    uint64_t at;
    begin();
    uint64_t other = map_object(port, PAGES, 0);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    read_page(mapped, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    CHECK(!is_done(reader));
    OK(memory_object_error(control, PAGE, PAGE, 5));
    check_done(KERN_INVALID_ADDRESS);
    OK(vm_map(me.task, mapped, PAGES * PAGE, 0, 0, port, RW, RW, VM_INHERIT_SHARE, &at));
    read_page(mapped, 1);
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    hold_still(reader, true);
    OK(memory_object_error(control, PAGE, PAGE, 5));
    OK(memory_object_supply(control, PAGE, store, PAGE, 0));
    hold_still(reader, false);
    check_done(KERN_SUCCESS);
    OK(memory_object_lock_request(control, PAGE, PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
    read_page(mapped, 1);
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(memory_object_unavailable(control, PAGE, PAGE));
    check_done(KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    OK(vm_deallocate(me.task, other, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* The page is a copy that another thread has made meanwhile: the same. */
void scene_copy_forgets_error(void)
{
    uint64_t at, shared;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    shared = mapped;
    mapped = map_object(port, PAGES, VM_COPY);
    struct actor *second = actor_mate(me.actor, ACTOR_PRIORITY), *first = reader;
    have_page_read(first, 1);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    hold_still(first, true);
    OK(memory_object_error(control, PAGE, PAGE, 5));
    reader = second;
    write_page(mapped, 1, 0x77);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(memory_object_supply(control, PAGE, store, PAGE, 0));
    check_done(KERN_SUCCESS);
    hold_still(first, false);
    check_read_of(first, KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    OK(vm_map(me.task, mapped, PAGES * PAGE, 0, 0, port, RW, RW, VM_INHERIT_SHARE, &at));
    OK(memory_object_lock_request(control, PAGE, PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
    have_page_read(first, 1);
    CHECK(!is_done(first));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(memory_object_unavailable(control, PAGE, PAGE));
    check_read_of(first, KERN_SUCCESS);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    OK(vm_deallocate(me.task, shared, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* A call that needs two pages: the first, which is there, does not make it forget what it is told about the second. */
void scene_pager_second_page(void)
{
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    have_copied(me.task, mapped, mapped + 2 * PAGE);
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 1);
    OK(memory_object_error(control, 2 * PAGE, PAGE, 5));
    check_done(KERN_MEMORY_ERROR);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* The first goes while the second is awaited, and has to be awaited itself before the thread gets to what it was told. */
void scene_pager_first_page_goes(void)
{
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(memory_object_supply(control, PAGE, store, PAGE, 0));
    OK(memory_object_supply(control, 3 * PAGE, store, PAGE, 0));
    for (unsigned i = 0; i < 2; i++) {
        OK(memory_object_supply(control, 0, store, PAGE, 0));
        have_copied(me.task, mapped, mapped + 2 * PAGE);
        CHECK(!is_done(reader));
        hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 1);
        OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
        OK(memory_object_error(control, 2 * PAGE, PAGE, 5));
        CHECK(!is_done(reader));
        hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
        if (i == 1)
            OK(memory_object_supply(control, 2 * PAGE, store, PAGE, 0)); /* now there is no error */
        OK(memory_object_supply(control, 0, store, PAGE, 0));
        check_done(i == 0 ? KERN_MEMORY_ERROR : KERN_SUCCESS);
    }
    OK(memory_object_lock_request(control, 2 * PAGE, 2 * PAGE, MEMORY_OBJECT_RETURNS_NONE, true,
                                  false));
    have_copied(me.task, mapped, mapped + 2 * PAGE); /* nothing is left of it */
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 2, 1);
    OK(memory_object_error(control, 2 * PAGE, PAGE, 5));
    check_done(KERN_MEMORY_ERROR);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* ---- pages that are out ---- */

static uint32_t swap_port, swap_control;

static void become_default_pager(void)
{
    uint32_t first;
    swap_port = own_port();
    OK(host_memory_set_default_pager(me.memory, swap_port, &swap_control));
    OK(swap_add_area(swap_control, 16, 0, NULL, 0, &first));
}

/* What a page shows does not matter here: nothing is kept. */
static void do_request(uint32_t id, bool ok)
{
    do
        post(me.actor, (struct message){.receive = swap_port, .size = 512});
    while (is_done(me.actor) && got_id(me.actor) == DEFAULT_PAGER_ID_FREED);
    CHECK(is_done(me.actor));
    CHECK_EQUAL(got_id(me.actor), id);
    OK(swap_done(swap_control, (uint32_t)got_word(me.actor, 0), ok));
}

/* The same with a page of the program's own, which is out by then. */
void scene_pager_first_page_is_out(void)
{
    uint64_t there, from, word = 0x5678;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    become_default_pager();
    uint32_t child = child_new(0, 0, NULL);
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &there));
    OK(vm_allocate(child, 0, 2 * PAGE, VM_ANYWHERE, &from));
    OK(vm_write(child, from, (uint8_t *)&word, sizeof(word)));
    have_copied(child, from, there);
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    OK(host_memory_page_out(me.memory, 1));
    do_request(DEFAULT_PAGER_ID_STORE, true);
    OK(memory_object_error(control, 0, PAGE, 5));
    CHECK(!is_done(reader));
    do_request(DEFAULT_PAGER_ID_LOAD, true);
    check_done(KERN_MEMORY_ERROR);
    child_end(child);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* All pages that go are stored; nothing is kept, so none that come back can be had. */
static void do_all_requests(void)
{
    for (;;) {
        post(me.actor, (struct message){.receive = swap_port, .size = 512, .deadline = PAST});
        if (result(me.actor) == MACH_RCV_TIMED_OUT)
            return;
        const uint32_t id = got_id(me.actor);
        if (id != DEFAULT_PAGER_ID_FREED)
            OK(swap_done(swap_control, (uint32_t)got_word(me.actor, 0),
                         id == DEFAULT_PAGER_ID_STORE));
    }
}

static struct message move_page(uint32_t to, uint64_t from)
{
    return (struct message){.dest = to,
                            .remote = MSG_COPY_SEND,
                            .id = MEMORY_OBJECT_ID_SUPPLY,
                            .how_local = MSG_MAKE_REPLY,
                            .receive = MSG_REPLY,
                            .length = 32,
                            .size = 512,
                            .body = {0, from, PAGE, MEMORY_OBJECT_SUPPLY_MOVE}};
}

static uint64_t frames_of(uint32_t task)
{
    uint64_t used, peak, most;
    OK(task_ledger(task, LEDGER_FRAMES, &used, &peak, &most));
    return used;
}

/* A page that another program has, and could not move to an object, is out when memory is short, as it was before. */
void scene_pager_keeps_what_does_not_move(void)
{
    uint64_t there, from, word = 0x5678;
    begin();
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(hear_init(port));
    hear(MEMORY_PAGER_ID_TERMINATE);
    uint32_t child = child_new(0, 0, NULL);
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &there));
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    become_default_pager();

    struct actor *mover = actor_new();
    uint32_t its_task = give_port(me.actor, mover->task->self_port);
    uint32_t its_control = give_port(mover, port_behind(me.actor, control));
    OK(vm_allocate(its_task, 0, 4 * PAGE, VM_ANYWHERE, &from));
    OK(vm_write(its_task, from, (uint8_t *)&word, sizeof(word)));
    OK(host_memory_set_limit(me.memory, child, LEDGER_FRAMES, frames_of(child)));
    post(mover, move_page(its_control, from));
    CHECK(is_done(mover));
    CHECK_EQUAL(got_id(mover), KERN_LIMIT);

    OK(host_memory_page_out(me.memory, 1000));
    do_all_requests();
    have_copied(its_task, from, from + 2 * PAGE); /* it is not there any more */
    CHECK(!is_done(reader));
    do_all_requests();
    check_done(KERN_MEMORY_ERROR);
    child_end(child);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* A page that the default pager has lost: nobody gave a reason for that, though a pager did for a page of its own before. */
void scene_lost_page_has_no_reason(void)
{
    uint64_t there, from, word = 0x5678;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    become_default_pager();
    uint32_t child = child_new(0, 0, NULL);
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &there));
    OK(vm_allocate(child, 0, 4 * PAGE, VM_ANYWHERE, &from));
    OK(vm_write(child, from, (uint8_t *)&word, sizeof(word)));
    OK(host_memory_page_out(me.memory, 1));
    do_request(DEFAULT_PAGER_ID_STORE, true);
    have_copied(child, from, from + 2 * PAGE);
    CHECK(!is_done(reader));
    do_request(DEFAULT_PAGER_ID_LOAD, false);
    check_done(KERN_MEMORY_ERROR);
    have_copied(child, there, from + 2 * PAGE);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    OK(memory_object_error(control, 0, PAGE, 5));
    check_done(KERN_MEMORY_ERROR);
    CHECK_EQUAL(reader->thread->page.told, page_result(KERN_MEMORY_ERROR, 5));
    have_copied(child, from, from + 2 * PAGE);
    check_done(KERN_MEMORY_ERROR);
    CHECK_EQUAL(reader->thread->page.told, 0); /* what an exception's code would say */
    child_end(child);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* All requests are out, and unanswered; a page comes of which the pager has not been told that somebody waits for it. */
void scene_pager_unasked(void)
{
    enum { MANY = PAGED_REQUESTS + 1 };
    struct actor *readers[MANY];
    uint64_t at;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    OK(vm_map(me.task, 0, MANY * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at));
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    mapped = at;
    for (unsigned i = 0; i < MANY; i++) {
        readers[i] = actor_mate(me.actor, ACTOR_PRIORITY);
        have_page_read(readers[i], i);
        CHECK(!is_done(readers[i]));
    }
    for (unsigned i = 0; i < PAGED_REQUESTS; i++)
        hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, i, 1);
    CHECK(hears_nothing());
    OK(memory_object_supply(control, PAGED_REQUESTS * PAGE, store, PAGE, 0));
    check_read_of(readers[PAGED_REQUESTS], KERN_SUCCESS);
    for (unsigned i = 0; i < PAGED_REQUESTS; i++) {
        CHECK(!is_done(readers[i]));
        OK(memory_object_unavailable(control, i * PAGE, PAGE));
        check_read_of(readers[i], KERN_SUCCESS);
    }
    OK(vm_deallocate(me.task, mapped, MANY * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* A call that got half-way, and could not go on, leaves nothing that the next one would take for its own. */
void scene_copy_of_the_dead(void)
{
    uint64_t there, from, to, word = 0x5678, got[2] = {0, 0};
    uint32_t size;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    uint32_t child = child_new(0, 0, NULL);
    OK(vm_map(child, 0, 2 * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &there));
    OK(vm_allocate(child, 0, 2 * PAGE, VM_ANYWHERE, &to));
    OK(memory_object_supply(control, 0, store, PAGE, 0));
    have_copied(child, there, to); /* one page */
    CHECK(!is_done(reader));
    child_end(child);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    rest();
    CHECK_EQUAL(result(reader), MACH_SEND_INVALID_DEST);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    OK(vm_allocate(me.task, 0, 4 * PAGE, VM_ANYWHERE, &from));
    OK(vm_write(me.task, from, (uint8_t *)&word, sizeof(word)));
    OK(vm_write(me.task, from + PAGE, (uint8_t *)&word, sizeof(word)));
    have_copied(me.task, from, from + 2 * PAGE);
    check_done(KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++)
        OK(vm_read(me.task, from + (2 + i) * PAGE, 8, (uint8_t *)&got[i], &size));
    CHECK_EQUAL(got[0], word);
    CHECK_EQUAL(got[1], word);
}
