/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n, while names, rights, requests, threads and tasks are made
 * (messages: ../ipc/scenes_failures.c). Each attempt says KERN_RESOURCE_SHORTAGE and leaves
 * everything as it was, or succeeds. The same with a ledger that is at its limit: KERN_LIMIT.
 */
#include "ipc_world.h"

#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/notify.h>
#include <kern/reply.h>
#include <string.h>

enum { MANY = 100 };

/* What must not change. */
struct state {
    int64_t objects, used[LEDGER_KIND_COUNT];
    uint32_t names, reserved;
};

/* What a scenario made. */
static struct {
    struct task *task, *other;
    mach_port_name_t port, set, send, name;
    struct thread *thread;
    struct task *made;
    struct reply *reply;
} s;

static struct state look(void)
{
    struct state state;
    memset(&state, 0, sizeof(state));
    state.objects = kmem_live_objects();
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        state.used[kind] = ledger_used(s.task->ledger, (enum ledger_kind)kind);
    state.names = s.task->space->used;
    state.reserved = s.task->space->reserved;
    return state;
}

/* --- scenarios: kernel context --- */

static kern_return_t make_port(void)
{
    return space_allocate(s.task->space, RIGHT_RECEIVE, &s.name);
}
static void drop_receive(void)
{
    CHECK_EQUAL(space_mod_refs(s.task->space, s.name, RIGHT_RECEIVE, -1), KERN_SUCCESS);
}
static kern_return_t make_set(void)
{
    return space_allocate(s.task->space, RIGHT_SET, &s.name);
}
static void drop_set(void)
{
    CHECK_EQUAL(space_mod_refs(s.task->space, s.name, RIGHT_SET, -1), KERN_SUCCESS);
}
static kern_return_t make_dead(void)
{
    return space_allocate(s.task->space, RIGHT_DEAD, &s.name);
}
static void drop_name(void)
{
    CHECK_EQUAL(space_deallocate(s.task->space, s.name), KERN_SUCCESS);
}
static kern_return_t make_once(void)
{
    return ipc_give(s.task, s.port, MSG_MAKE_SEND_ONCE, s.task, &s.name);
}
/* The message of its loss is in the queue; the port goes. */
static void drop_once(void)
{
    drop_name();
    CHECK_EQUAL(space_mod_refs(s.task->space, s.port, RIGHT_RECEIVE, -1), KERN_SUCCESS);
    CHECK_EQUAL(space_deallocate(s.task->space, s.send), KERN_SUCCESS);
}

static kern_return_t request(unsigned id)
{
    struct kright notify = {0};
    spin_lock(&s.task->space->lock);
    kern_return_t kr = space_take(s.task->space, s.port, MSG_MAKE_SEND_ONCE, &notify);
    spin_unlock(&s.task->space->lock);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kright before = notify;
    kr = space_request_notification(s.task->space, s.send, id, 0, &notify);
    if (kr == KERN_SUCCESS)
        return kr;
    CHECK(notify.object == before.object); /* the caller has it still */
    struct list later = LIST_INIT(later);
    spin_lock(&s.task->space->lock);
    space_untake(s.task->space, s.port, MSG_MAKE_SEND_ONCE, &notify, &later);
    spin_unlock(&s.task->space->lock);
    notify_deliver(&later);
    return kr;
}
static kern_return_t request_dead(void)
{
    return request(MSG_ID_DEAD_NAME);
}
static kern_return_t request_possible(void)
{
    return request(MSG_ID_SEND_POSSIBLE);
}
static void drop_port(void)
{
    CHECK_EQUAL(space_mod_refs(s.task->space, s.port, RIGHT_RECEIVE, -1), KERN_SUCCESS);
}

static kern_return_t give_away(void)
{
    return ipc_give(s.task, s.port, MSG_MAKE_SEND, s.other, &s.name);
}
static void take_back(void)
{
    CHECK_EQUAL(space_deallocate(s.other->space, s.name), KERN_SUCCESS);
}

static kern_return_t make_thread(void)
{
    return thread_create(s.task, 0x10000, 0x20000, 0, 0, PRIORITY_DEFAULT, &s.thread);
}
static void drop_thread(void)
{
    thread_terminate(s.thread);
    thread_resume(s.thread);
    thread_unref(s.thread);
}
static kern_return_t make_task(void)
{
    return task_create(s.task->ledger, "made", &s.made);
}
static void drop_task(void)
{
    task_terminate(s.made, 0, false);
    task_unref(s.made);
}

/* The third chunk of names needs a table of chunks. */
static kern_return_t make_many(void)
{
    kern_return_t kr = KERN_SUCCESS;
    while (kr == KERN_SUCCESS && s.task->space->used < 2 * SPACE_CHUNK_ENTRIES)
        kr = make_dead();
    return kr;
}

static kern_return_t copy_names(void)
{
    struct space *copy;
    uint32_t progress = 0;
    kern_return_t kr = space_create(s.task->ledger, &copy);
    if (kr != KERN_SUCCESS)
        return kr;
    do
        kr = space_copy_send_rights(s.task->space, copy, &progress);
    while (kr == KERN_RETRY);
    if (kr == KERN_SUCCESS)
        CHECK_EQUAL(copy->used, 1);
    while (space_destroy_some(copy))
        ;
    space_unref(copy);
    return kr;
}

static const struct scenario {
    const char *name;
    kern_return_t (*run)(void);
    void (*undo)(void); /* NULL: with the task */
    bool grows;         /* the table of names may have grown */
    bool empty;         /* of a task without any names */
} scenario[] = {
    {"first port", make_port, NULL, true, true},
    {"port", make_port, drop_receive, false, false},
    {"set", make_set, drop_set, false, false},
    {"dead name", make_dead, drop_name, false, false},
    {"send-once right", make_once, drop_once, false, false},
    {"request for a dead name", request_dead, drop_port, false, false},
    {"request for room", request_possible, drop_port, false, false},
    {"send right for a task without names", give_away, take_back, true, false},
    {"256 names", make_many, NULL, true, false},
    {"names for a child", copy_names, NULL, false, false},
    {"thread", make_thread, drop_thread, false, false},
    {"task", make_task, drop_task, false, false},
};

/* --- the stage --- */

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)t, (void)cpu, (void)context;
    next->kind = HOST_STAY;
}

static void set_up(const struct scenario *now)
{
    memset(&s, 0, sizeof(s));
    CHECK_EQUAL(task_create(&kernel_ledger, "failing", &s.task), KERN_SUCCESS);
    CHECK_EQUAL(task_create(&kernel_ledger, "other", &s.other), KERN_SUCCESS);
    ipc_task[0].task = s.task;
    ipc_task[1].task = s.other;
    if (now->empty)
        return;
    CHECK_EQUAL(ipc_port(s.task, 4, 1000, &s.port), KERN_SUCCESS);
    CHECK_EQUAL(ipc_give(s.task, s.port, MSG_MAKE_SEND, s.task, &s.send), KERN_SUCCESS);
    CHECK_EQUAL(s.send, s.port);
}

struct attempt {
    const struct scenario *scenario;
    uint64_t fail; /* the allocation that fails; 0: the ledger's limit does */
    kern_return_t kr;
};

static void attempt(void *argument)
{
    struct attempt *a = argument;
    set_up(a->scenario);
    struct state before = look();
    if (a->fail == 0) {
        ledger_set_limit(s.task->ledger, LEDGER_KMEM, before.used[LEDGER_KMEM]);
        ledger_set_limit(s.other->ledger, LEDGER_KMEM, ledger_used(s.other->ledger, LEDGER_KMEM));
    }
    (void)alloc_fail_nth(a->fail);
    a->kr = a->scenario->run();
    (void)alloc_fail_nth(0);
    struct state after = look();
    if (a->scenario->grows) { /* what was made before may stay, but for what counts */
        CHECK_EQUAL(after.reserved, before.reserved);
        CHECK_EQUAL(after.used[LEDGER_PORTS] - (a->kr == KERN_SUCCESS && a->scenario->empty),
                    before.used[LEDGER_PORTS]);
    } else if (a->kr != KERN_SUCCESS) {
        CHECK(memcmp(&before, &after, sizeof(before)) == 0);
    }
}

static void clean(void *argument)
{
    const struct attempt *a = argument;
    if (a->kr == KERN_SUCCESS && a->scenario->undo)
        a->scenario->undo();
}

static kern_return_t one(const struct scenario *now, uint64_t n)
{
    struct attempt a = {now, n, KERN_FAILURE};
    host_machine_call(0, attempt, &a);
    ipc_world_check();
    host_machine_call(1, clean, &a);
    ipc_world_finish();
    return a.kr;
}

static void test(const struct scenario *now)
{
    for (uint64_t n = 1; n < MANY; n++) {
        kern_return_t kr = one(now, n);
        if (kr == KERN_SUCCESS) {
            CHECK_EQUAL(one(now, 0), n == 1 ? KERN_SUCCESS : KERN_LIMIT);
            printf("  %s: %llu allocations\n", now->name, (unsigned long long)n - 1);
            return;
        }
        CHECK_EQUAL(kr, KERN_RESOURCE_SHORTAGE);
    }
    host_machine_fail("%s always fails", now->name);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_ipc_failures");
    world_start(&(struct world_config){.seed = 1, .cpus = 2, .script = script});
    for (unsigned i = 0; i < array_count(scenario); i++)
        test(&scenario[i]);
    host_machine_end();
    return 0;
}
