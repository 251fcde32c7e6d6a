/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps and calls of kernel objects that are interrupted and repeated, and what the other threads of
 * the task do meanwhile: take away what is still being given, or change the trap into another one.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <arch/timer.h>
#include <kern/kobj.h>
#include <kern/region.h>
#include <wharf/trap.h>

/* Where vm.allocate places the first region, and one that is larger than the machine's memory. */
#define PLACE (REGION_ALLOCATE_BASE + PAGE_SIZE)
enum { PAGES = 4, MEMORY = 8 << 20, TOO_MUCH = 2 * MEMORY, PRIORITY = 100 };

enum { ALLOCATOR = 1, THIEF, CHANGER };

static uint64_t failed, stolen, steps;
static uint64_t results[5];

static void trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2}};
}

/* What does not fit, then what fits, then give that back if it is still there. */
static void allocate(struct thread *t, struct host_action *next)
{
    unsigned step = t->arch.program.actions % 3;
    failed += step == 1 && call_result(t) == KERN_RESOURCE_SHORTAGE;
    if (step < 2)
        call_vm_allocate(next, world_names.task, step ? PAGES * PAGE_SIZE : TOO_MUCH);
    else if (call_result(t) == KERN_SUCCESS)
        call_vm_deallocate(next, world_names.task, call_answer(t, 0), PAGES * PAGE_SIZE);
}

static void steal(struct thread *t, struct host_action *next)
{
    bool small = t->arch.program.actions % 2;
    stolen += t->arch.program.actions && call_result(t) == KERN_SUCCESS;
    call_vm_deallocate(next, world_names.task, PLACE, small ? PAGES * PAGE_SIZE : TOO_MUCH);
}

static uint64_t outcome(const struct thread *t, uint64_t step)
{
    if (step == 4)
        return t->arch.x[0];
    kern_return_t kr = call_result(t);
    return kr == KERN_SUCCESS && step != 2 ? call_answer(t, 0) : (uint64_t)kr;
}

/* What another thread can bring about by rewriting the code: a futex_wake was to be repeated, and
 * vm.protect comes, or the other way round. */
static void change(struct thread *t, struct host_action *next)
{
    static const uint64_t of_wake = (uint64_t)(TRAP_futex_wake + 1) << 56 | 16,
                          of_protect = (uint64_t)KCALL_TAG_VM_PROTECT << 56 | 16 * PAGE_SIZE;
    mach_port_name_t self = world_names.task;
    uint64_t step = steps++;
    if (step > 0 && step <= array_count(results))
        results[step - 1] = outcome(t, step);
    switch (step) {
    case 0: call_vm_allocate(next, self, PAGES * PAGE_SIZE); break;
    case 1:
        t->progress = of_wake;
        call_vm_protect(next, self, PLACE, PAGES * PAGE_SIZE, PROT_NONE);
        break;
    case 2:
        t->progress = of_wake;
        call_vm_allocate(next, self, 0);
        break;
    case 3:
        t->progress = of_protect;
        trap(next, TRAP_futex_wake, PLACE, 100, 0);
        break;
    case 4:
        t->progress = of_protect;
        call_vm_allocate(next, self, PAGES * PAGE_SIZE);
        break;
    default: trap(next, TRAP_thread_exit, 0, 0, 0); break;
    }
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    switch (t->arch.program.arg) {
    case ALLOCATOR: allocate(t, next); break;
    case THIEF: steal(t, next); break;
    default: change(t, next); break;
    }
}

static struct task *task;

static void start(void *argument)
{
    struct thread *thread;
    uint64_t first = (uint64_t)(uintptr_t)argument;
    CHECK_EQUAL(world_task("hostile", first, PRIORITY, &task, NULL), KERN_SUCCESS);
    if (first != ALLOCATOR)
        return;
    CHECK_EQUAL(thread_create(task, 0x10000, 0x20000, THIEF, 0, PRIORITY, &thread), KERN_SUCCESS);
    thread_resume(thread);
    thread_unref(thread);
}

static void end(void *argument)
{
    (void)argument;
    task_terminate(task, 0, false);
    task_unref(task);
}

static void power_on(uint64_t seed)
{
    const struct world_config config = {
        .seed = seed, .cpus = 2, .memory = MEMORY, .names = true, .script = script};
    world_start(&config);
}

static void test_stolen_while_taken_back(void *argument)
{
    power_on((uint64_t)(uintptr_t)argument);
    host_machine_call(0, start, (void *)(uintptr_t)ALLOCATOR);
    (void)host_machine_run(UINT64_MAX, arch_counter() + arch_counter_frequency() / 40);
    world_check(&task, 1);
    host_machine_call(0, end, NULL);
    world_wait_for_tasks();
    world_check_accounts();
    printf("  seed %llu: %llu allocations failed, %llu regions stolen\n",
           (unsigned long long)(uintptr_t)argument, (unsigned long long)failed,
           (unsigned long long)stolen);
    CHECK(failed > 0 && stolen > 0);
    host_machine_end();
}

static void test_progress_of_another_trap(void *argument)
{
    power_on((uint64_t)(uintptr_t)argument);
    host_machine_call(0, start, (void *)(uintptr_t)CHANGER);
    task_unref(task);
    world_wait_for_tasks();
    CHECK_EQUAL(results[0], PLACE);
    CHECK_EQUAL(results[1], KERN_SUCCESS);
    CHECK_EQUAL(results[2], KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(results[3], 0);
    CHECK(results[4] > PLACE && results[4] % PAGE_SIZE == 0);
    world_check_accounts();
    host_machine_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_restart");
    bool ok = world_in_child(test_progress_of_another_trap, (void *)1);
    for (uintptr_t seed = 1; seed <= 4; seed++)
        ok = world_in_child(test_stolen_while_taken_back, (void *)seed) && ok;
    printf("%s\n", ok ? "ok" : "FAILED");
    return ok ? 0 : 1;
}
