/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): the n-th allocation fails, for every n there is, while a task is made, a
 * thread is made by a trap, and memory is allocated by a trap. Each attempt says
 * KERN_RESOURCE_SHORTAGE or succeeds, and leaves nothing.
 */
#include "kernel_world.h"

#include <kern/frame.h>
#include <wharf/trap.h>

enum { MANY = 500, ENTRY_OF_CHILD = 0x30000 };

static struct {
    uint64_t number, args[5];
    int64_t result;
    bool seen;
} probe;

/* The first thread does the trap, then ends the task; a thread it made ends itself. */
static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    next->kind = HOST_TRAP;
    if (t->arch.program.entry == ENTRY_OF_CHILD) {
        next->number = TRAP_thread_exit;
    } else if (t->arch.program.actions == 0) {
        next->number = probe.number;
        for (unsigned i = 0; i < array_count(probe.args); i++)
            next->args[i] = probe.args[i];
    } else {
        probe.result = (int64_t)t->arch.x[0];
        probe.seen = true;
        next->number = TRAP_task_exit;
    }
}

struct making {
    uint64_t fail;
    kern_return_t kr;
    uint64_t counted;
};

static void make_task(void *argument)
{
    struct making *making = argument;
    struct task *task;
    (void)alloc_fail_nth(making->fail);
    making->kr = world_task("failing", 0, PRIORITY_DEFAULT, &task, NULL);
    making->counted = alloc_fail_nth(0);
    if (making->kr == KERN_SUCCESS)
        task_unref(task);
}

static void test_task(void)
{
    probe.number = TRAP_thread_self;
    for (uint64_t n = 1; n < MANY; n++) {
        struct making making = {.fail = n};
        host_machine_call(0, make_task, &making);
        world_wait_for_tasks();
        world_check_accounts();
        if (making.kr == KERN_SUCCESS) {
            CHECK(making.counted < n);
            printf("  a task with memory and a thread: %llu allocations\n",
                   (unsigned long long)n - 1);
            return;
        }
        CHECK_EQUAL(making.kr, KERN_RESOURCE_SHORTAGE);
    }
    host_machine_fail("creating a task always fails");
}

static void test_trap(const char *name, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a4)
{
    probe.number = number;
    probe.args[0] = a0;
    probe.args[1] = a1;
    probe.args[4] = a4;
    for (uint64_t n = 1; n < MANY; n++) {
        struct making making = {.fail = 0};
        probe.seen = false;
        host_machine_call(1, make_task, &making);
        CHECK_EQUAL(making.kr, KERN_SUCCESS);
        (void)alloc_fail_nth(n);
        world_wait_for_tasks();
        (void)alloc_fail_nth(0);
        world_check_accounts();
        CHECK(probe.seen);
        if (probe.result > 0) {
            printf("  %s: %llu allocations\n", name, (unsigned long long)n - 1);
            return;
        }
        CHECK_EQUAL(probe.result, -KERN_RESOURCE_SHORTAGE);
    }
    host_machine_fail("%s always fails", name);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_failures");
    world_start(&(struct world_config){.seed = 1, .cpus = 2, .script = script});
    test_task();
    test_trap("thread_create", TRAP_thread_create, ENTRY_OF_CHILD, 0x20000, PRIORITY_DEFAULT);
    test_trap("vm_allocate of 40 pages", TRAP_vm_allocate, 40 * PAGE_SIZE, 0, 0);
    host_machine_end();
    return 0;
}
