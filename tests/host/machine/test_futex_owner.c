/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owners of futexes by the names of their threads' ports: only a living thread of the caller's own
 * task is found, and looking leaves no reference behind.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <kern/futex.h>
#include <kern/port.h>
#include <kern/space.h>
#include <wharf/trap.h>

static struct task *task, *other;
static struct thread *first, *second, *stranger;
static mach_port_name_t name[4]; /* of first, second, stranger, task; in the space of `task` */

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)t;
    (void)cpu;
    (void)context;
    sleep_until(next, TRAP_NEVER);
}

static mach_port_name_t insert(struct port *port)
{
    struct kright right = port_send_right(port);
    CHECK_EQUAL(space_reserve(task->space, 1), KERN_SUCCESS);
    return space_insert(task->space, &right);
}

static void make(void *unused)
{
    (void)unused;
    CHECK_EQUAL(world_task("first", 0, 100, &task, &first), KERN_SUCCESS);
    CHECK_EQUAL(world_task("other", 0, 100, &other, &stranger), KERN_SUCCESS);
    CHECK_EQUAL(thread_create(task, 0x10000, 0x20000, 0, 0, 100, &second), KERN_SUCCESS);
    thread_resume(second);
    name[0] = insert(first->self_port);
    name[1] = insert(second->self_port);
    name[2] = insert(stranger->self_port);
    name[3] = insert(task->self_port);
}

static struct thread *look_up(mach_port_name_t wanted)
{
    struct thread *found = futex_owner_lookup(first, wanted);
    if (found)
        thread_unref(found);
    return found;
}

static void look(void *unused)
{
    (void)unused;
    uint32_t references = atomic_load(&second->references);
    CHECK(look_up(name[0]) == first);
    CHECK(look_up(name[1]) == second);
    CHECK(!look_up(name[2]) && !look_up(name[3]));
    CHECK(!look_up(0) && !look_up(0xffffffff) && !look_up(name[1] ^ 1) && !look_up(0xffff));
    CHECK_EQUAL(atomic_load(&second->references), references);
}

static void end_second(void *unused)
{
    (void)unused;
    thread_terminate(second);
}

static void look_again(void *unused)
{
    (void)unused;
    CHECK_EQUAL(atomic_load(&second->state), THREAD_DEAD);
    CHECK(look_up(name[0]) == first && !look_up(name[1]));
}

static void end(void *unused)
{
    (void)unused;
    thread_unref(first);
    thread_unref(second);
    thread_unref(stranger);
    task_terminate(task, 0, false);
    task_unref(task);
    task_terminate(other, 0, false);
    task_unref(other);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_futex_owner");
    world_start(&(struct world_config){.seed = 1, .cpus = 2, .script = script});
    host_machine_call(0, make, NULL);
    host_machine_call(1, look, NULL);
    host_machine_call(1, end_second, NULL);
    (void)host_machine_run(100, TICKS_NEVER);
    host_machine_call(0, look_again, NULL);
    host_machine_call(0, end, NULL);
    world_wait_for_tasks();
    world_check_accounts();
    host_machine_end();
    return 0;
}
