/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that stay when nobody maps them (may_cache), and pages that are moved to an object.
 */
#include "pager_stage.h"

#include <kern/frame.h>

static uint64_t used_frames(uint32_t task)
{
    uint64_t used, peak, limit;
    OK(task_ledger(task, LEDGER_FRAMES, &used, &peak, &limit));
    return used;
}

/* Pages that the calls themselves need are there. */
static void touch_buffers(void)
{
    for (unsigned page = 0; page < PAGES; page++)
        (void)word_at(store + page * PAGE);
}

static bool trimmed;

static void trim(void *nothing)
{
    (void)nothing;
    trimmed = paged_object_trim();
}

static bool can_trim(void)
{
    in_kernel(trim, NULL);
    rest();
    return trimmed;
}

static uint32_t fill(uint32_t of, unsigned pages)
{
    uint32_t name = hear_init(of);
    OK(memory_object_ready(name, true, PAGE));
    for (unsigned page = 0; page < pages; page++)
        OK(memory_object_supply(name, page * PAGE, store, PAGE, 0));
    return name;
}

static void unmap(void)
{
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    rest();
}

static void begin_cached(void)
{
    begin();
    control = fill(port, PAGES);
    unmap();
    CHECK(hears_nothing());
}

static void hear_the_end(void)
{
    rest();
    hear(MEMORY_PAGER_ID_TERMINATE);
    CHECK(hears_nothing());
    drop_control(control);
}

void scene_pager_caches(void)
{
    begin_cached();
    mapped = map_object(port, PAGES, 0); /* it goes on */
    CHECK_EQUAL(word_at(mapped), 0x1234);
    write_page(mapped, 1, 5);
    check_done(KERN_SUCCESS);
    unmap();
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 1);
    CHECK_EQUAL(got_word(me.actor, 2), 0x101); /* written to, and kept */
    mapped = map_object(port, PAGES, 0);
    unmap();
    CHECK(!can_trim()); /* it waits for that page */
    OK(memory_object_collect(control, PAGE, store));
    CHECK(hears_nothing());
    mapped = map_object(port, PAGES, 0);
    CHECK_EQUAL(word_at(mapped + PAGE) & 0xffffffff, 5);
    CHECK(hears_nothing());
    unmap();
    OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_ALL, true, true));
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    OK(memory_object_collect(control, 0, store));
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, 1);
    OK(memory_object_supply(control, 0, store, PAGE, 0)); /* not wanted */
    GIVES(KERN_NOT_FOUND, memory_object_collect(control, 0, store));
    CHECK(can_trim());
    hear_the_end();
    CHECK(!can_trim());
}

void scene_pager_caches_no_more(void)
{
    begin_cached();
    OK(memory_object_ready(control, false, PAGE)); /* it changes its mind */
    hear_the_end();
    mapped = map_object(port, PAGES, 0);
    control = fill(port, PAGES);
    unmap();
    OK(memory_object_destroy(control, 1));
    hear_the_end();
    mapped = map_object(port, PAGES, 0);
    control = fill(port, PAGES);
    write_page(mapped, 1, 5);
    check_done(KERN_SUCCESS);
    unmap();
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 1, 1);
    pass_time(31 * SECOND); /* not fetched: what is late is lost, and it ends */
    hear_the_end();
    mapped = map_object(port, PAGES, 0);
    control = fill(port, PAGES);
    unmap();
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    CHECK(!can_trim());
    drop_control(control);
    drop_name(port);
}

/* Who has mapped it pays no more when it does not; the pager does, or the page goes. */
void scene_pager_pays_for_cache(void)
{
    uint32_t self;
    uint64_t at;
    begin();
    unmap();
    control = hear_init(port);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    uint32_t child = child_new(0, 0, &self);
    touch_buffers();
    uint64_t mine = used_frames(me.task), its = used_frames(child);
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at));
    control = fill(port, PAGES);
    CHECK_EQUAL(used_frames(child), its + PAGES);
    OK(vm_deallocate(child, at, PAGES * PAGE));
    rest();
    CHECK_EQUAL(used_frames(child), its);
    CHECK_EQUAL(used_frames(me.task), mine + PAGES);
    CHECK(hears_nothing());
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at));
    OK(memory_object_lock_request(control, 0, 2 * PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));
    OK(memory_object_supply(control, 0, store, 2 * PAGE, 0)); /* these are the child's again */
    CHECK_EQUAL(used_frames(child), its + 2);
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_FRAMES, mine + PAGES));
    OK(vm_deallocate(child, at, PAGES * PAGE));
    rest();
    CHECK_EQUAL(used_frames(child), its);
    CHECK_EQUAL(used_frames(me.task),
                mine + PAGES - 1); /* one was dropped: for a moment both pay */
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_FRAMES, UINT64_MAX >> 4));
    CHECK(can_trim());
    hear_the_end();
    CHECK_EQUAL(used_frames(me.task), mine);
    child_end(child);
}

/* Where the right goes, the charge goes. */
void scene_pager_moves_its_cache(void)
{
    uint32_t self, its_name;
    begin_cached();
    uint32_t child = child_new(0, 0, &self);
    touch_buffers();
    uint64_t its = used_frames(child);
    OK(port_insert_receive(child, 0, port, &its_name));
    rest();
    CHECK_EQUAL(used_frames(child), its + PAGES);
    OK(port_extract_receive(child, its_name, &its_name));
    CHECK_EQUAL(its_name, port);
    rest();
    CHECK_EQUAL(used_frames(child), its);
    mapped = map_object(port, PAGES, 0);
    CHECK_EQUAL(word_at(mapped), 0x1234);
    unmap();
    OK(port_insert_receive(child, 0, port, &its_name));
    rest();
    child_end(child);
    CHECK(!can_trim());
    drop_control(control);
    drop_name(port);
}

/* There are not any number of them. */
void scene_pager_caches_some(void)
{
    enum { OBJECTS = PAGED_CACHED_EACH + 3 };
    static uint32_t ports[OBJECTS], controls[OBJECTS];
    begin();
    for (unsigned i = 0; i < OBJECTS; i++) {
        ports[i] = own_port();
        uint64_t at = map_object(ports[i], 1, 0);
        controls[i] = fill(ports[i], 1);
        OK(vm_deallocate(me.task, at, PAGE));
        rest();
    }
    for (unsigned i = 0; i < OBJECTS - PAGED_CACHED_EACH; i++) /* the oldest */
        hear_at(__LINE__, ports[i], MEMORY_PAGER_ID_TERMINATE);
    port = ports[OBJECTS - PAGED_CACHED_EACH];
    CHECK(hears_nothing());
    for (unsigned i = 0; i < OBJECTS; i++) {
        OK(port_mod_refs(me.task, ports[i], PORT_RIGHT_RECEIVE, -1));
        drop_name(ports[i]);
        rest();
        drop_control(controls[i]);
    }
    CHECK(!can_trim());
}

/* ---- pages that move ---- */

static void write_store(unsigned page, uint64_t word)
{
    OK(vm_write(me.task, store + page * PAGE, (uint8_t *)&word, sizeof(word)));
}

static void fail_nth(void *n)
{
    (void)alloc_fail_nth(*(uint64_t *)n);
}

void scene_pager_moves(void)
{
    uint32_t self;
    begin();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    for (unsigned page = 0; page < PAGES; page++)
        write_store(page, 100 + page);
    uint64_t frames = used_frames(me.task);
    GIVES(KERN_INVALID_VALUE, memory_object_supply(control, 0, store, PAGE, 2));
    OK(memory_object_supply(control, 0, store, 2 * PAGE, MEMORY_OBJECT_SUPPLY_MOVE));
    CHECK_EQUAL(used_frames(me.task), frames);
    CHECK_EQUAL(word_at(mapped), 100);
    CHECK_EQUAL(word_at(mapped + PAGE), 101);
    CHECK_EQUAL(word_at(store), 0); /* they are there */
    CHECK_EQUAL(word_at(store + PAGE), 0);
    write_store(0, 7); /* another page */
    CHECK_EQUAL(word_at(mapped), 100);

    uint32_t child = child_new(TASK_INHERIT_MEMORY, 0, &self); /* sees it, too: copied */
    OK(memory_object_supply(control, 2 * PAGE, store + 2 * PAGE, PAGE, MEMORY_OBJECT_SUPPLY_MOVE));
    CHECK_EQUAL(word_at(mapped + 2 * PAGE), 102);
    CHECK_EQUAL(word_at(store + 2 * PAGE), 102);
    child_end(child);
    write_store(2, 55);
    CHECK_EQUAL(word_at(mapped + 2 * PAGE), 102);

    OK(memory_object_supply(control, 2 * PAGE, store + 3 * PAGE, PAGE, MEMORY_OBJECT_SUPPLY_MOVE));
    CHECK_EQUAL(word_at(store + 3 * PAGE), 103); /* the object has one already */
    OK(memory_object_supply(control, 3 * PAGE, store + 2 * PAGE + 8, PAGE,
                            MEMORY_OBJECT_SUPPLY_MOVE)); /* not a page */
    CHECK_EQUAL(word_at(mapped + 3 * PAGE), 0);
    CHECK_EQUAL(word_at(store + 3 * PAGE), 103);
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* After an error nothing has moved. */
void scene_pager_moves_in_vain(void)
{
    uint64_t none = 0, at;
    uint32_t self;
    begin();
    unmap();
    control = hear_init(port);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
    uint32_t child = child_new(0, 0, &self);
    OK(vm_map(child, 0, PAGES * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at));
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    touch_buffers();
    uint64_t mine = used_frames(me.task), its = used_frames(child);
    OK(host_memory_set_limit(me.memory, child, LEDGER_FRAMES, its));
    GIVES(KERN_LIMIT, memory_object_supply(control, 0, store, PAGE, MEMORY_OBJECT_SUPPLY_MOVE));
    OK(host_memory_set_limit(me.memory, child, LEDGER_FRAMES, UINT64_MAX >> 4));
    CHECK_EQUAL(word_at(store), 0x1234);
    kern_return_t kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        in_kernel(fail_nth, &n);
        kr = memory_object_supply(control, 0, store, PAGE, MEMORY_OBJECT_SUPPLY_MOVE);
        in_kernel(fail_nth, &none);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        CHECK_EQUAL(used_frames(me.task), mine); /* with the child's */
        CHECK_EQUAL(used_frames(child), kr == KERN_SUCCESS ? its + 1 : its);
        if (kr != KERN_SUCCESS)
            CHECK_EQUAL(word_at(store), 0x1234);
        CHECK(n < 100);
    }
    uint64_t word = 0;
    uint32_t size;
    OK(vm_read(child, at, 8, (uint8_t *)&word, &size));
    CHECK_EQUAL(word, 0x1234);
    child_end(child);
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}
