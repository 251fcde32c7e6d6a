/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: faults, maps, protections, forks. What a loop needs before each operation, such as pages that were not touched, is
 * not counted. Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/machine.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, FORKS = 5 };
static mach_port_name_t self;

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

/* ---- faults ---- */

/* A second pass over the same pages is the loop alone. */
[[gnu::noinline]] static uint64_t read_each(volatile char *at, uint64_t n, int64_t step)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += step)
        (void)*at;
    return machine_counter_raw() - start;
}

[[gnu::noinline]] static uint64_t write_each(volatile char *at, uint64_t n, int64_t step)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += step)
        *at = 1;
    return machine_counter_raw() - start;
}

/* The same under other names, for those who look for them; not quite, or the compiler would make them one. */
[[gnu::noinline]] static uint64_t break_each(volatile char *at, uint64_t n, int64_t step)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += step)
        *at = 2;
    return machine_counter_raw() - start;
}

[[gnu::noinline]] static uint64_t reuse_each(volatile char *at, uint64_t n, int64_t step)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += step)
        *at = 3;
    return machine_counter_raw() - start;
}

static char *make(uint64_t pages)
{
    void *at = NULL;
    OK(kernel_vm_allocate(pages * PAGE, &at));
    return at;
}

static void drop(char *at, uint64_t pages)
{
    OK(kernel_vm_deallocate(at, pages * PAGE));
}

/* From the end to the beginning: memory that is used the other way round is made in runs of pages. */
static uint64_t fault_anon(uint64_t n)
{
    char *at = make(n), *last = at + (n - 1) * PAGE;
    const uint64_t time = read_each(last, n, -PAGE), loop = read_each(last, n, -PAGE);
    drop(at, n);
    return time - loop;
}

static uint64_t fault_anon_run(uint64_t n)
{
    char *at = make(n);
    const uint64_t time = write_each(at, n, PAGE), loop = write_each(at, n, PAGE);
    drop(at, n);
    return time - loop;
}

/* A copy of `task`'s memory that never runs. */
static mach_port_name_t copy_of(mach_port_name_t task)
{
    mach_port_name_t made = MSG_NULL, name;
    OK(task_create(task, TASK_INHERIT_MEMORY, "", NULL, 0, MSG_NULL, &made, &name));
    return made;
}

static void end(mach_port_name_t task)
{
    OK(task_terminate(task, 0));
    OK(port_deallocate(self, task));
}

static uint64_t cow(char *at, uint64_t n, char *first, int64_t step)
{
    (void)write_each(first, n, step);
    const mach_port_name_t child = copy_of(self);
    const uint64_t time = break_each(first, n, step), loop = break_each(first, n, step);
    end(child);
    drop(at, n);
    return time - loop;
}

static uint64_t fault_cow(uint64_t n)
{
    char *at = make(n);
    return cow(at, n, at + (n - 1) * PAGE, -PAGE);
}

static uint64_t fault_cow_run(uint64_t n)
{
    char *at = make(n);
    return cow(at, n, at, PAGE);
}

static uint64_t reuse(char *at, uint64_t n, char *first, int64_t step)
{
    (void)write_each(first, n, step);
    end(copy_of(self)); /* all of it: who takes tasks apart is more urgent */
    const uint64_t time = reuse_each(first, n, step), loop = reuse_each(first, n, step);
    drop(at, n);
    return time - loop;
}

static uint64_t fault_reuse(uint64_t n)
{
    char *at = make(n);
    return reuse(at, n, at + (n - 1) * PAGE, -PAGE);
}

static uint64_t fault_reuse_run(uint64_t n)
{
    char *at = make(n);
    return reuse(at, n, at, PAGE);
}

/* ---- maps ---- */

[[gnu::noinline]] static kern_return_t allocate_deallocate(void)
{
    uint64_t at;
    const kern_return_t kr = vm_allocate(self, 0, PAGE, VM_ANYWHERE, &at);
    return kr == KERN_SUCCESS ? vm_deallocate(self, at, PAGE) : kr;
}

static uint64_t map_unmap(uint64_t n)
{
    ROW_LOOP(n, allocate_deallocate());
}

[[gnu::noinline]] static kern_return_t allocate_touch_deallocate(void)
{
    uint64_t at;
    const kern_return_t kr = vm_allocate(self, 0, PAGE, VM_ANYWHERE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    *(volatile char *)at = 1;
    return vm_deallocate(self, at, PAGE);
}

static uint64_t map_touch_unmap(uint64_t n)
{
    ROW_LOOP(n, allocate_touch_deallocate());
}

[[gnu::noinline]] static kern_return_t make_read_only(char *at)
{
    return vm_protect(self, (uintptr_t)at, PAGE, false, VM_PROT_READ);
}

/* Only the way to less is counted: that is the longer one. */
static uint64_t protect(uint64_t n)
{
    char *at = make(1);
    uint64_t time = 0;
    while (n-- > 0) {
        *(volatile char *)at = 1;
        const uint64_t start = machine_counter_raw();
        OK(make_read_only(at));
        time += machine_counter_raw() - start;
        OK(vm_protect(self, (uintptr_t)at, PAGE, false, VM_PROT_READ | VM_PROT_WRITE));
    }
    drop(at, 1);
    return time;
}

/* ---- forks ---- */

/* What a thread of the forked task does, as the machine starts it: on an address, and as many pages from there as the low bits
 * say. It has nothing but text and stack. */
[[gnu::noreturn]] static void touch_all(uint64_t what)
{
    volatile char *at = (volatile char *)(what & ~UINT64_C(0xffff));
    for (uint64_t n = what & 0xffff; n > 0; n--, at += PAGE)
        *at = 1;
    sys_thread_exit(0);
}

#define REGION \
    UINT64_C(0x2000000000) /* a multiple of what touch_all() takes for a number of pages */

/* A task with this program's text and so many pages. Its thread *keeper never runs, or the task would end with those that do; it
 * lives as long as somebody can start it. */
static mach_port_name_t make_parent(uint64_t pages, mach_port_name_t *keeper)
{
    mach_port_name_t task = MSG_NULL, name, entry = MSG_NULL;
    uint64_t start, size, at;
    uint32_t prot, max, inherit, flags, id;
    OK(task_create(self, 0, "", NULL, 0, MSG_NULL, &task, &name));
    OK(vm_region(self, (uintptr_t)touch_all, &start, &size, &prot, &max, &inherit, &flags));
    start = (uintptr_t)touch_all & ~(uint64_t)(PAGE - 1);
    OK(vm_make_entry(self, start, size, VM_PROT_READ | VM_PROT_EXECUTE, &entry));
    OK(vm_map(task, start, size, 0, 0, entry, VM_PROT_READ | VM_PROT_EXECUTE,
              VM_PROT_READ | VM_PROT_EXECUTE, VM_INHERIT_SHARE, &at));
    OK(port_deallocate(self, entry));
    OK(vm_allocate(task, REGION, pages * PAGE, 0, &at));
    OK(task_create_thread(task, (uintptr_t)touch_all, 0, 0, 0, 1, false, keeper, &id));
    return task;
}

/* More urgent than this one, it has ended when it has been made. */
static void touch_again(mach_port_name_t task, uint64_t pages)
{
    mach_port_name_t thread;
    uint32_t id;
    OK(task_create_thread(task, (uintptr_t)touch_all, REGION + PAGE, REGION | pages, 0,
                          THREAD_PRIORITY_DEFAULT + 1, true, &thread, &id));
    OK(port_deallocate(self, thread));
}

static void measure_fork(const char *name, uint64_t pages, int argc, char **argv)
{
    struct series series = {.count = 0};
    if (!row_is_wanted(name, argc, argv))
        return;
    mach_port_name_t keeper;
    const mach_port_name_t parent = make_parent(pages, &keeper);
    for (unsigned i = 0; i <= FORKS; i++) {
        touch_again(parent, pages);
        const uint64_t start = machine_counter_raw();
        end(copy_of(parent));
        if (i > 0)
            series_add(&series, machine_counter_raw() - start);
    }
    end(parent);
    OK(port_deallocate(self, keeper));
    series_print(&series, name, "instructions", 1);
}

static const struct row timed[] = {
    {"fault_anon", fault_anon, NULL},
    {"fault_cow", fault_cow, NULL},
    {"fault_reuse", fault_reuse, NULL},
    {"fault_anon_run", fault_anon_run, NULL},
    {"fault_cow_run", fault_cow_run, NULL},
    {"fault_reuse_run", fault_reuse_run, NULL},
    {"protect", protect, NULL},
};
/* Programs have other memory beside what comes and goes: tables of pages are there. */
static void touch_neighbour(void)
{
    *(volatile char *)make(1) = 1;
}

static const struct row loops[] = {
    {"map_unmap", map_unmap, NULL},
    {"map_touch_unmap", map_touch_unmap, touch_neighbour},
};

int main(int argc, char **argv)
{
    self = program_start_info->task;
    rows_run(timed, sizeof(timed) / sizeof(timed[0]), 0, argc, argv);
    rows_run(loops, sizeof(loops) / sizeof(loops[0]), empty(REPEATS), argc, argv);
    measure_fork("fork_1", 1, argc, argv);
    measure_fork("fork_100", 100, argc, argv);
    measure_fork("fork_10000", 10000, argc, argv);
    print("bench: done\n");
    return 0;
}
