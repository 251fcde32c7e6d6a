/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of lock_request that something happens to in the midst: another one, and the object's end.
 */
#include "pager_stage.h"

/* ---- another one ---- */

enum { MANY = 240 }; /* pages: a lock_request of so many is done in pieces when interrupts wait */

static struct message lock_all(void)
{
    return (struct message){.dest = control,
                            .remote = MSG_COPY_SEND,
                            .id = MEMORY_OBJECT_ID_LOCK_REQUEST,
                            .how_local = MSG_MAKE_REPLY,
                            .receive = MSG_REPLY,
                            .length = 24,
                            .size = 512,
                            .body = {0, (uint64_t)MANY * PAGE,
                                     MEMORY_OBJECT_RETURNS_DIRTY | UINT64_C(1) << 40 /* notify */}};
}

static uint64_t pages_done(void)
{
    return reader->thread->progress & ((UINT64_C(1) << KCALL_PROGRESS_BITS) - 1);
}

/* The second thread asks, has begun, and is stopped in the midst of it. */
static void ask_and_stop(void)
{
    const uint64_t before = reader->done;
    irq_rate = 2;
    post_only(reader, lock_all());
    while (reader->done == before && pages_done() == 0)
        (void)host_machine_run(1, NANOS_NEVER);
    hold_still(reader, true);
    irq_rate = 0;
    CHECK(reader->done == before && pages_done() > 0);
}

/* Two that begin before either is completed: one of them is, for who asked for it, and the other one is told. */
void scene_pager_locks_twice(void)
{
    begin();
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(hear_init(port));
    hear(MEMORY_PAGER_ID_TERMINATE);
    mapped = map_object(port, MANY, 0);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    for (unsigned page = 0; page < MANY; page++)
        OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
    write_page(mapped, 0, 70);
    check_done(KERN_SUCCESS);
    ask_and_stop();
    OK(memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false, true));
    hold_still(reader, false);
    check_done(KERN_BUSY);
    hear_of_range(MEMORY_PAGER_ID_DATA_RETURN, 0, 1);
    GIVES(KERN_BUSY,
          memory_object_lock_request(control, 0, PAGE, MEMORY_OBJECT_RETURNS_DIRTY, false, true));
    OK(memory_object_collect(control, 0, store));
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, 1);
    CHECK(hears_nothing());
    post(reader, lock_all());
    check_done(KERN_SUCCESS);
    hear_of_range(MEMORY_PAGER_ID_LOCK_COMPLETED, 0, MANY);
    CHECK(hears_nothing());
    OK(vm_deallocate(me.task, mapped, MANY * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* ---- the end ---- */

/* Who has come to the last page waits until the object has gone; not for ever, for its end may be this CPU's to do. */
static _Atomic bool waits_for_end;
static _Atomic unsigned met; /* times that it has gone meanwhile */

static bool has_gone(struct paged_object *object)
{
    spin_lock(&object->lock);
    bool gone = object->state == PAGED_GONE;
    spin_unlock(&object->lock);
    return gone;
}

static void wait_for_end(struct paged_object *object)
{
    enum { TIMES = 3000 };
    for (unsigned n = 0; n < TIMES && !has_gone(object); n++)
        arch_cpu_relax();
    if (!has_gone(object))
        return;
    for (unsigned n = 0; n < TIMES && atomic_load(&object->holds) > 2; n++)
        arch_cpu_relax(); /* the call's, and that of terminate, which nobody has received yet */
    atomic_fetch_add(&met, 1);
}

kern_return_t __real_paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                                     unsigned what, bool flush, bool notify);
kern_return_t __wrap_paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                                     unsigned what, bool flush, bool notify);
kern_return_t __wrap_paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                                     unsigned what, bool flush, bool notify)
{
    kern_return_t kr = __real_paged_lock_page(object, page, end, what, flush, notify);
    if (kr == KERN_SUCCESS && *page >= end && atomic_load(&waits_for_end))
        wait_for_end(object);
    return kr;
}

static void lock_while_it_ends(void)
{
    mapped = map_object(port, PAGES, 0);
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
    atomic_store(&waits_for_end, true);
    post_only(reader, (struct message){.dest = control,
                                       .remote = MSG_COPY_SEND,
                                       .id = MEMORY_OBJECT_ID_LOCK_REQUEST,
                                       .how_local = MSG_MAKE_REPLY,
                                       .receive = MSG_REPLY,
                                       .length = 24,
                                       .size = 512,
                                       .body = {0, PAGES * PAGE, MEMORY_OBJECT_RETURNS_DIRTY}});
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    rest();
    atomic_store(&waits_for_end, false);
    CHECK(is_done(reader)); /* before it ends, while it does, or too late */
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

/* It ends once, whoever else is at it. */
void scene_pager_ends_in_lock(void)
{
    begin();
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(hear_init(port));
    hear(MEMORY_PAGER_ID_TERMINATE);
    atomic_store(&met, 0);
    for (unsigned i = 0; i < 30; i++)
        lock_while_it_ends();
    CHECK(met > 0 || cpu_number() == 1 || !is_simulated());
}
