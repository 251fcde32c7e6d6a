/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of many pages that somebody tries to abort in the midst: they have not begun, or are completed (interfaces/vm.defs).
 */
#include "kobj_world.h"

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE, PIECES = 120, PAGES = 2 * PIECES };

/* Memory that is told in twice as many pieces, by what children get of it. */
static uint64_t pieces_new(void)
{
    uint64_t at;
    OK(vm_allocate(me.task, 0, (uint64_t)PAGES * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < PIECES; i++)
        OK(vm_inherit(me.task, at + (uint64_t)2 * i * PAGE, PAGE, VM_INHERIT_NONE));
    return at;
}

/* Is one of them as `prot` and `inherit` say, and all like it? (inherit: ANY: not looked at) */
enum { ANY = 9 };
static bool all_are(uint64_t at, uint32_t prot, uint32_t inherit)
{
    for (uint64_t va = at, start, size; va < at + (uint64_t)PAGES * PAGE; va = start + size) {
        uint32_t has, max, gives, flags;
        OK(vm_region(me.task, va, &start, &size, &has, &max, &gives, &flags));
        if (start != va || has != prot || (inherit != ANY && gives != inherit))
            return false;
    }
    return true;
}

static uint64_t bytes_done(void)
{
    return me.actor->thread->progress & ((UINT64_C(1) << KCALL_PROGRESS_BITS) - 1);
}

struct stop {
    kern_return_t kr;
    bool again;
};

static void stop(void *argument)
{
    struct stop *s = argument;
    uint64_t progress = s->again;
    s->kr = (thread_suspend)(me.actor->thread, &progress);
    s->again = s->kr == KERN_RETRY;
}

static void go_on(void *argument)
{
    (void)argument;
    (thread_resume)(me.actor->thread);
}

/* Run until the call has come so far, stop the thread, and abort what it does: *kr. The call's result. */
static unsigned abort_at(struct message m, uint64_t bytes, kern_return_t *kr)
{
    struct stop s = {KERN_RETRY, false};
    uint64_t before = me.actor->done;
    irq_rate = 2;
    post_only(me.actor, m);
    while (me.actor->done == before && bytes_done() < bytes)
        (void)host_machine_run(1, NANOS_NEVER);
    while (s.kr == KERN_RETRY)
        in_kernel(stop, &s);
    CHECK(me.actor->done == before && bytes_done() >= bytes);
    irq_rate = 0;
    *kr = abort_actor(me.actor);
    in_kernel(go_on, NULL);
    rest();
    CHECK(is_done(me.actor));
    return result(me.actor) ? result(me.actor) : got_id(me.actor);
}

static struct message change(uint64_t at, uint32_t id, uint64_t word)
{
    return (struct message){.dest = me.task,
                            .remote = MSG_COPY_SEND,
                            .id = id,
                            .how_local = MSG_MAKE_REPLY,
                            .receive = MSG_REPLY,
                            .length = 24,
                            .body = {at, (uint64_t)PAGES * PAGE, word}};
}

void scene_aborted_changes(void)
{
    const uint64_t all = (uint64_t)PAGES * PAGE;
    kern_return_t kr;
    enter();
    uint64_t at = pieces_new();
    struct message protect = change(at, VM_ID_PROTECT, (uint64_t)VM_PROT_READ << 32);
    struct message inherit = change(at, VM_ID_INHERIT, VM_INHERIT_SHARE);
    /* While it only looks nothing has happened. */
    CHECK_EQUAL(abort_at(protect, PAGE, &kr), kr == KERN_SUCCESS ? KERN_ABORTED : KERN_SUCCESS);
    CHECK(all_are(at, kr == KERN_SUCCESS ? RW : VM_PROT_READ, ANY));
    OK(vm_protect(me.task, at, all, false, RW));
    for (unsigned i = 1; i < 5; i++) {
        CHECK_EQUAL(abort_at(protect, all + i * all / 5, &kr), KERN_SUCCESS);
        CHECK(all_are(at, VM_PROT_READ, ANY));
        OK(vm_protect(me.task, at, all, false, RW));
        CHECK_EQUAL(abort_at(inherit, all + i * all / 5, &kr), KERN_SUCCESS);
        CHECK(all_are(at, RW, VM_INHERIT_SHARE));
        OK(vm_deallocate(me.task, at, all));
        at = pieces_new();
        protect.body[0] = inherit.body[0] = at;
    }
    OK(vm_deallocate(me.task, at, all));
}
