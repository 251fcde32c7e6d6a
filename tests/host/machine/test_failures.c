/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): the n-th allocation fails, for every n there is, while a task is made, a
 * thread is made by a message, and memory is allocated by a message. Each attempt says that memory
 * was short or succeeds, and leaves nothing: a thread whose name did not arrive neither.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <kern/frame.h>
#include <wharf/trap.h>

enum { MANY = 500, ENTRY_OF_CHILD = 0x30000 };

static struct {
    void (*fill)(struct host_action *next);
    kern_return_t result;
    bool seen, child;
} probe;

/* The first thread sends the message, then ends; so does a thread it made, and the task with the last. */
static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    if (t->arch.program.entry == ENTRY_OF_CHILD) {
        probe.child = true;
        *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_exit};
    } else if (t->arch.program.actions == 0) {
        probe.fill(next);
    } else {
        probe.result = call_result(t);
        probe.seen = true;
        *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_exit};
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

static void make_thread(struct host_action *next)
{
    call_create_thread(next, world_names.task, ENTRY_OF_CHILD, 0x20000, 0, 0, PRIORITY_DEFAULT);
}

static void allocate(struct host_action *next)
{
    call_vm_allocate(next, world_names.task, 40 * PAGE_SIZE);
}

static void test_task(void)
{
    probe.fill = make_thread;
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

/* What the sending half says, the routine, or the receiving half, if there is no room for the answer. */
static bool is_shortage(kern_return_t kr)
{
    return kr == MACH_SEND_NO_BUFFER || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_RCV_NO_SPACE;
}

static void test_call(const char *name, void (*fill)(struct host_action *next))
{
    probe.fill = fill;
    for (uint64_t n = 1; n < MANY; n++) {
        struct making making = {.fail = 0};
        probe.seen = probe.child = false;
        host_machine_call(1, make_task, &making);
        CHECK_EQUAL(making.kr, KERN_SUCCESS);
        (void)alloc_fail_nth(n);
        world_wait_for_tasks();
        (void)alloc_fail_nth(0);
        world_check_accounts();
        CHECK(probe.seen);
        CHECK(probe.child == (probe.result == KERN_SUCCESS && fill == make_thread));
        if (probe.result == KERN_SUCCESS) {
            printf("  %s: %llu allocations\n", name, (unsigned long long)n - 1);
            return;
        }
        if (!is_shortage(probe.result))
            host_machine_fail("%s says %u", name, (unsigned)probe.result);
    }
    host_machine_fail("%s always fails", name);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_failures");
    world_start(&(struct world_config){.seed = 1, .cpus = 2, .names = true, .script = script});
    test_task();
    test_call("task.create_thread", make_thread);
    test_call("vm.allocate of 40 pages", allocate);
    host_machine_end();
    return 0;
}
