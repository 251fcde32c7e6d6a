/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps and calls of kernel objects that are interrupted and repeated, and what the other threads of
 * the task do meanwhile: take away what is still being given, or change the trap into another one.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <arch/timer.h>
#include <kern/kobj.h>
#include <kern/map.h>
#include <wharf/if/vm_types.h>
#include <wharf/trap.h>

enum {
    PAGES = 4,
    MEMORY = 8 << 20,
    LARGE_PAGES = 1200, /* some leaves of the page tables: taken back in pieces */
    TOO_MUCH_PAGES = 4000,
    MOST_PAGES = 3000, /* that are promised to the task */
    PRIORITY = 100
};

enum { ALLOCATOR = 1, THIEF, CHANGER };

static uint64_t failed, stolen, steps;
static uint64_t results[7];
static _Atomic uint64_t place = MAP_ALLOCATE_BASE; /* of the allocator's memory */

static void trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2}};
}

enum { ALLOCATE_TOO_MUCH, ALLOCATE, WRITE, PROTECT, DEALLOCATE, STEPS };

/* The last step's result: what the thief may have brought about, and nothing else. */
static void check_step(struct thread *t, unsigned step)
{
    kern_return_t kr = call_result(t);
    bool may_be_gone = step == WRITE || step == PROTECT;
    failed += kr == KERN_LIMIT;
    stolen += kr == KERN_INVALID_ADDRESS;
    if (step == ALLOCATE_TOO_MUCH
            ? kr != KERN_LIMIT
            : kr != KERN_SUCCESS && !(may_be_gone && kr == KERN_INVALID_ADDRESS))
        host_machine_fail("step %u: %u", step, kr);
    if (step == ALLOCATE)
        atomic_store(&place, call_answer(t, 0));
}

/* What does not fit, then what fits; some of it is touched, changed, and all given back, if it is still there. */
static void allocate(struct thread *t, struct host_action *next)
{
    enum { LARGE = LARGE_PAGES * PAGE_SIZE };
    uint64_t done = t->arch.program.actions;
    if (done > 0)
        check_step(t, (unsigned)((done - 1) % STEPS));
    uint64_t at = atomic_load(&place);
    /* Eight bytes, behind their number. */
    const uint64_t write[] = {at + done * 4099 % LARGE / 8 * 8, 8 | done << 32, 0};
    switch (done % STEPS) {
    case ALLOCATE_TOO_MUCH:
        call_vm_allocate(next, world_names.task, TOO_MUCH_PAGES * PAGE_SIZE);
        break;
    case ALLOCATE: call_vm_allocate(next, world_names.task, LARGE); break;
    case WRITE: call_words(next, world_names.task, VM_ID_WRITE, write, sizeof(write)); break;
    case PROTECT: call_vm_protect(next, world_names.task, at, LARGE, PROT_READ); break;
    default: call_vm_deallocate(next, world_names.task, at, LARGE); break;
    }
}

/* A part of it, in the midst of whatever is being done with it. */
static void steal(struct thread *t, struct host_action *next)
{
    uint64_t done = t->arch.program.actions, first = done * 37 % LARGE_PAGES, pages = 1 + done % 90;
    if (done > 0)
        CHECK_EQUAL(call_result(t), KERN_SUCCESS);
    call_vm_deallocate(next, world_names.task, atomic_load(&place) + first * PAGE_SIZE,
                       pages * PAGE_SIZE);
}

static uint64_t outcome(const struct thread *t, uint64_t step)
{
    if (step == 4)
        return t->arch.x[0];
    kern_return_t kr = call_result(t);
    bool answers = step == 1 || step == 5;
    return kr == KERN_SUCCESS && answers ? call_answer(t, 0) : (uint64_t)kr;
}

/* What another thread can bring about by rewriting the code: a futex_wake was to be repeated, and
 * vm.protect comes, or the other way round; or another range is meant. */
static void change(struct thread *t, struct host_action *next)
{
    static const uint64_t of_wake = (uint64_t)(TRAP_futex_wake + 1) << 56 | 16,
                          of_protect = (uint64_t)KCALL_TAG_VM_PROTECT << 56 | 16 * PAGE_SIZE,
                          of_inherit = (uint64_t)KCALL_TAG_VM_INHERIT << 56 | 2 * PAGE_SIZE;
    mach_port_name_t self = world_names.task;
    uint64_t step = steps++;
    if (step > 0 && step <= array_count(results))
        results[step - 1] = outcome(t, step);
    uint64_t at = results[0]; /* where memory was placed */
    const uint64_t inherit[] = {at, PAGE_SIZE, VM_INHERIT_NONE};
    switch (step) {
    case 0: call_vm_allocate(next, self, PAGES * PAGE_SIZE); break;
    case 1:
        t->progress = of_wake;
        call_vm_protect(next, self, at, PAGES * PAGE_SIZE, PROT_NONE);
        break;
    case 2:
        t->progress = of_wake;
        call_vm_allocate(next, self, 0);
        break;
    case 3:
        t->progress = of_protect;
        trap(next, TRAP_futex_wake, at, 100, 0);
        break;
    case 4:
        t->progress = of_protect;
        call_vm_allocate(next, self, PAGES * PAGE_SIZE);
        break;
    case 5: /* of a larger range, from which rights had been taken */
        t->progress = of_protect | 1;
        call_vm_protect(next, self, at + PAGE_SIZE, PAGE_SIZE, PROT_READ);
        break;
    case 6:
        t->progress = of_inherit;
        call_words(next, self, VM_ID_INHERIT, inherit, sizeof(inherit));
        break;
    default:
        CHECK(map_check(t->task));
        trap(next, TRAP_thread_exit, 0, 0, 0);
        break;
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
    ledger_set_limit(task->ledger, LEDGER_COMMITMENT, MOST_PAGES);
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
    printf("  seed %llu: %llu allocations failed, memory was stolen %llu times\n",
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
    CHECK(results[0] > MAP_ALLOCATE_BASE && results[0] % PAGE_SIZE == 0);
    CHECK_EQUAL(results[1], KERN_SUCCESS);
    CHECK_EQUAL(results[2], KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(results[3], 0);
    CHECK(results[4] > results[0] && results[4] % PAGE_SIZE == 0);
    CHECK_EQUAL(results[5], KERN_SUCCESS);
    CHECK_EQUAL(results[6], KERN_SUCCESS);
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
