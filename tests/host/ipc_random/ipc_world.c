/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc_world.h"

#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/notify.h>
#include <machine/host_mmu.h>
#include <string.h>

enum { CENSUS_ROOM = 1 << 15 };

struct ipc_task ipc_task[IPC_TASKS];
struct ipc_census ipc_census;

struct ipc_task *ipc_task_of(const struct thread *thread)
{
    for (unsigned i = 0; i < IPC_TASKS; i++)
        if (ipc_task[i].task == thread->task)
            return &ipc_task[i];
    host_machine_fail("thread %u is of no task", thread->id);
}

/* --- checks --- */

static const char *kind_of(const void *object)
{
    const struct ipc_found *found = ipc_census_of(&ipc_census, object);
    static const char *const name[] = {[IPC_PORT] = "port",
                                       [IPC_SET] = "set",
                                       [IPC_SONCE] = "send-once right",
                                       [IPC_REPLY] = "reply",
                                       [IPC_FOUND_MESSAGE] = "message"};
    return found ? name[found->kind] : "thread or space";
}

static void report_port(const struct port *port)
{
    const struct ipc_found *found = ipc_census_of(&ipc_census, port);
    fprintf(
        stderr,
        "port: state %u, %u senders, %u references, %u of %u queued, %u bytes, set %p; found: %u "
        "senders, %u receive, %u send-once, %u references, %u turns\n",
        port->state, port->senders, atomic_load(&((struct port *)(uintptr_t)port)->references),
        port->queued, port->limit, port->queued_bytes, (void *)port->set, found->rights,
        found->receives, found->sonces, found->references, found->turns);
}

bool ipc_is_exact(void)
{
    return reaper_is_idle();
}

void ipc_world_check(void)
{
    struct task *task[IPC_TASKS];
    for (unsigned i = 0; i < IPC_TASKS; i++)
        task[i] = ipc_task[i].task;
    world_check(task, IPC_TASKS);
    if (!ipc_census.found) {
        ipc_census.capacity = CENSUS_ROOM;
        ipc_census.found = calloc(CENSUS_ROOM, sizeof(ipc_census.found[0]));
        ipc_census.slot = calloc(2 * CENSUS_ROOM, sizeof(ipc_census.slot[0]));
    }
    if (ipc_check(&ipc_census, task, IPC_TASKS, ipc_is_exact()))
        return;
    const struct ipc_found *found = ipc_census_of(&ipc_census, ipc_census.at);
    if (found && found->kind == IPC_PORT)
        report_port(ipc_census.at);
    host_machine_fail("%s (%s %p)", ipc_census.wrong, kind_of(ipc_census.at), ipc_census.at);
}

/* --- tasks --- */

static void drop_reference(void *argument)
{
    task_unref(argument);
}

static void end_task(void *argument)
{
    task_terminate(argument, 3, false);
}

void ipc_drop_ended(void)
{
    for (unsigned i = 0; i < IPC_TASKS; i++) {
        struct task *task = ipc_task[i].task;
        if (!task || task->pmap) /* the last to be taken down */
            continue;
        ipc_task[i].task = NULL;
        host_machine_call(i % cpu_count, drop_reference, task);
    }
}

/* Until nothing is to be done any more. */
static void settle(void)
{
    for (unsigned n = 0; task_live_count() > 0 || !reaper_is_idle() || !amap_reaper_is_idle();
         n++) {
        if (n == 10000)
            host_machine_fail("%u tasks do not end, reaper %s, reaper of pages %s",
                              task_live_count(), reaper_is_idle() ? "idle" : "busy",
                              amap_reaper_is_idle() ? "idle" : "busy");
        (void)host_machine_run(1000, arch_counter() + arch_counter_frequency() / 100);
        ipc_drop_ended();
    }
}

void ipc_world_finish(void)
{
    for (unsigned i = 0; i < IPC_TASKS; i++)
        if (ipc_task[i].task)
            host_machine_call(i % cpu_count, end_task, (struct task *)ipc_task[i].task);
    settle();
    world_check_accounts();
    free(ipc_census.found);
    free(ipc_census.slot);
    ipc_census = (struct ipc_census){0};
}

/* --- rights --- */

/* Take it; the second step is done, too. */
static kern_return_t take(struct space *space, mach_port_name_t name, unsigned disposition,
                          struct kright *out)
{
    struct list later = LIST_INIT(later);
    spin_lock(&space->lock);
    kern_return_t kr = space_take(space, name, disposition, out);
    if (kr == KERN_SUCCESS)
        space_finish(space, name, disposition, out, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}

kern_return_t ipc_give(struct task *from, mach_port_name_t name, unsigned disposition,
                       struct task *to, mach_port_name_t *out)
{
    struct kright right;
    kern_return_t kr = space_reserve(to->space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = take(from->space, name, disposition, &right);
    if (kr == KERN_SUCCESS)
        *out = space_insert(to->space, &right);
    else
        space_unreserve(to->space, 1);
    return kr;
}

kern_return_t ipc_give_kobject(struct port *port, struct task *to, mach_port_name_t *out)
{
    kern_return_t kr = space_reserve(to->space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kright right = port_send_right(port);
    *out = space_insert(to->space, &right);
    return KERN_SUCCESS;
}

kern_return_t ipc_port(struct task *task, uint32_t limit, uint32_t byte_limit,
                       mach_port_name_t *out)
{
    struct port *port;
    kern_return_t kr = space_allocate(task->space, RIGHT_RECEIVE, out);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = space_receive_port(task->space, *out, &port);
    if (kr != KERN_SUCCESS)
        return kr; /* another thread guessed the name and took it away */
    spin_lock(&port->lock);
    port->limit = limit;
    port->byte_limit = byte_limit;
    spin_unlock(&port->lock);
    port_unref(port);
    return KERN_SUCCESS;
}

/* --- user memory --- */

static bool user_access(unsigned cpu, vaddr_t va, unsigned access, char *data, size_t n)
{
    while (n > 0) {
        size_t part = PAGE_SIZE - (va & PAGE_MASK);
        if (part > n)
            part = n;
        while (host_user_access(cpu, va, access, data, part) != HOST_FAULT_NONE)
            if (vm_fault(NULL, cpu_record[cpu].current->task, va, access) != KERN_SUCCESS)
                return false;
        data += part;
        va += part;
        n -= part;
    }
    return true;
}

bool user_write(unsigned cpu, vaddr_t va, const void *data, size_t n)
{
    return user_access(cpu, va, PROT_WRITE, (char *)(uintptr_t)data, n);
}

bool user_read(unsigned cpu, vaddr_t va, void *data, size_t n)
{
    return user_access(cpu, va, PROT_READ, data, n);
}
