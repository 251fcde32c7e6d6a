/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of the host's ports, each of which stands for one power; what they do stands in
 * interfaces/host*.defs. Who holds a port has the power: nothing else is asked.
 */
#include "kobj_impl.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/reset.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/log.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace_stream.h>
#include <wharf/if/host_debug_kernel.h>
#include <wharf/if/host_irq_kernel.h>
#include <wharf/if/host_kernel.h>
#include <wharf/if/host_reboot_kernel.h>
#include <wharf/if/host_tasks_kernel.h>

/* ---- information ---- */

kern_return_t khost_info(struct kcall *call, struct host *target, struct host_facts *facts)
{
    (void)call, (void)target;
    *facts = (struct host_facts){
        .page_size = PAGE_SIZE,
        .cpus_online = cpus_online(),
        .managed_memory = boot_facts.managed_memory,
        .kernel_memory = boot_facts.kernel_memory,
        .kernel_text = boot_facts.kernel_text,
        .entry_counter = clock_origin(),
        .counter_frequency = arch_counter_frequency(),
    };
    return KERN_SUCCESS;
}

kern_return_t khost_version(struct kcall *call, struct host *target, char *text)
{
    enum { SIZE = 64 };
    (void)call, (void)target;
    (void)format_text(text, SIZE, "Wharf on %s", arch_cpu_name());
    return KERN_SUCCESS;
}

kern_return_t khost_statistics(struct kcall *call, struct host *target,
                               struct host_statistics *statistics)
{
    struct frame_statistics frames;
    (void)call, (void)target;
    frame_statistics(&frames);
    *statistics = (struct host_statistics){
        .free_frames = frames.free,
        .record_frames = frames.record_pages,
        .kernel_objects = (uint64_t)kmem_live_without_memory(),
        .cpu = arch_cpu_self()->number,
    };
    return KERN_SUCCESS;
}

kern_return_t khost_cpu_statistics(struct kcall *call, struct host *target, uint32_t number,
                                   struct host_cpu_statistics *statistics)
{
    (void)call, (void)target;
    if (number >= cpu_count)
        return KERN_INVALID_VALUE;
    struct cpu *cpu = &cpu_record[number];
    ticks_t idle;
    uint32_t runnable;
    sched_cpu_statistics(cpu, &idle, &runnable);
    *statistics = (struct host_cpu_statistics){
        .idle = clock_nanos_at(clock_origin() + idle),
        .runnable = runnable,
        .online = atomic_load(&cpu->online),
    };
    return KERN_SUCCESS;
}

kern_return_t khost_get_clock(struct kcall *call, struct host *target, struct kright *clock)
{
    (void)call;
    *clock = port_send_right(target->port[KOBJECT_CLOCK]);
    return KERN_SUCCESS;
}

/* ---- the machine ---- */

kern_return_t khost_reboot_reset(struct kcall *call, struct host *target, uint32_t how)
{
    static const char *const names[] = {[HOST_REBOOT_HOW_REBOOT] = "restarting",
                                        [HOST_REBOOT_HOW_POWER_OFF] = "powering off",
                                        [HOST_REBOOT_HOW_HALT] = "halting"};
    static const enum arch_reset kinds[] = {[HOST_REBOOT_HOW_REBOOT] = ARCH_RESET_REBOOT,
                                            [HOST_REBOOT_HOW_POWER_OFF] = ARCH_RESET_POWER_OFF,
                                            [HOST_REBOOT_HOW_HALT] = ARCH_RESET_HALT};
    (void)target;
    if (how >= array_count(kinds))
        return KERN_INVALID_VALUE;
    log_plain("wharf: %s, as task %u asked", names[how], call->self->task->id);
    arch_smp_stop_others();
    arch_reset(kinds[how]);
}

kern_return_t khost_irq_info(struct kcall *call, struct host *target, uint32_t *lines)
{
    (void)call, (void)target;
    *lines = arch_irq_count();
    return KERN_SUCCESS;
}

/* ---- debugging ---- */

kern_return_t khost_debug_console_write(struct kcall *call, struct host *target,
                                        const uint8_t *text, uint32_t text_size)
{
    (void)call, (void)target;
    if (text_size > 0)
        log_user_text((const char *)text, text_size);
    return KERN_SUCCESS;
}

kern_return_t khost_debug_read_log(struct kcall *call, struct host *target, uint64_t position,
                                   uint64_t *next, uint8_t *text, uint32_t *text_size)
{
    (void)call, (void)target;
    *text_size = (uint32_t)log_read(&position, (char *)text, HOST_DEBUG_TEXT_MAX);
    *next = position;
    return KERN_SUCCESS;
}

kern_return_t khost_debug_set_console(struct kcall *call, struct host *target, bool prints,
                                      bool *before, uint64_t *next)
{
    (void)call, (void)target;
    *before = log_set_printing(prints, next);
    return KERN_SUCCESS;
}

kern_return_t khost_debug_alloc_fail_nth(struct kcall *call, struct host *target, uint64_t n,
                                         uint64_t *counted)
{
    (void)call, (void)target;
    *counted = alloc_fail_nth(n);
    return KERN_SUCCESS;
}

/* False: the right is no task's. */
static bool id_of_task(const struct kright *right, uint32_t *id)
{
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return false;
    *id = task->id;
    task_unref(task);
    return true;
}

kern_return_t khost_debug_fail_page_out(struct kcall *call, struct host *target, uint32_t most,
                                        struct kright *pager, struct kright *driver,
                                        uint64_t *counted, uint64_t *failed)
{
    uint32_t tasks[2];
    (void)call, (void)target;
    if (!id_of_task(pager, &tasks[0]) || !id_of_task(driver, &tasks[1]))
        return KERN_INVALID_TASK;
    pageout_fail_allocations(most, tasks, counted, failed);
    return KERN_SUCCESS;
}

kern_return_t khost_debug_set_trace_mask(struct kcall *call, struct host *target, uint32_t mask,
                                         uint32_t *before)
{
    (void)call, (void)target;
    *before = trace_set_mask(mask);
    return KERN_SUCCESS;
}

static void tell_events(const struct trace_event *found, uint32_t count,
                        struct host_debug_event *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct host_debug_event){
            .moment = clock_nanos_at(found[i].when),
            .number = found[i].number,
            .argument0 = found[i].arg0,
            .argument1 = found[i].arg1,
        };
}

kern_return_t khost_debug_trace(struct kcall *call, struct host *target, uint64_t position,
                                uint32_t *cpu, uint64_t *next, struct host_debug_event *events,
                                uint32_t *events_count)
{
    struct trace_event found[HOST_DEBUG_EVENTS_MAX];
    (void)call, (void)target;
    *events_count = trace_read(&position, found, HOST_DEBUG_EVENTS_MAX);
    *cpu = arch_cpu_self()->number;
    *next = position;
    tell_events(found, *events_count, events);
    return KERN_SUCCESS;
}

static_assert((int)HOST_DEBUG_STREAM_MIN == (int)TRACE_STREAM_MIN &&
              (int)HOST_DEBUG_STREAM_MAX == (int)TRACE_STREAM_MAX);

kern_return_t khost_debug_stream_start(struct kcall *call, struct host *target, uint32_t events,
                                       uint32_t classes)
{
    (void)target;
    return trace_stream_start(call->self->task, events, classes);
}

kern_return_t khost_debug_stream_stop(struct kcall *call, struct host *target)
{
    (void)call, (void)target;
    return trace_stream_stop();
}

kern_return_t khost_debug_stream_read(struct kcall *call, struct host *target, uint32_t cpu,
                                      uint64_t *lost, struct host_debug_event *events,
                                      uint32_t *events_count)
{
    struct trace_event found[HOST_DEBUG_STREAM_EVENTS_MAX];
    (void)call, (void)target;
    *events_count = HOST_DEBUG_STREAM_EVENTS_MAX;
    kern_return_t kr = trace_stream_read(cpu, found, events_count, lost);
    if (kr == KERN_SUCCESS)
        tell_events(found, *events_count, events);
    return kr;
}

kern_return_t khost_debug_trace_name(struct kcall *call, struct host *target, uint32_t number,
                                     char *name, char *argument0, char *argument1)
{
    enum { SIZE = 32 };
    const char *arg0, *arg1, *text = trace_describe(number, &arg0, &arg1);
    (void)call, (void)target;
    if (!text)
        return KERN_INVALID_VALUE;
    (void)format_text(name, SIZE, "%s", text);
    (void)format_text(argument0, SIZE, "%s", arg0);
    (void)format_text(argument1, SIZE, "%s", arg1);
    return KERN_SUCCESS;
}

kern_return_t khost_debug_crash(struct kcall *call, struct host *target, uint32_t how)
{
    (void)target;
    switch (how) {
    case HOST_DEBUG_CRASH_PANIC: panic("as task %u asked", call->self->task->id);
    case HOST_DEBUG_CRASH_ASSERT: assert(how != HOST_DEBUG_CRASH_ASSERT); break;
    case HOST_DEBUG_CRASH_HANG:
        for (;;)
            arch_cpu_relax();
    default: break;
    }
    return KERN_INVALID_VALUE;
}

/* ---- tasks ---- */

/* A right to a task's port; null if the port has died. */
static struct kright task_right(struct task *task)
{
    spin_lock(&task->lock);
    struct kright right = task->self_port ? port_send_right(task->self_port) : (struct kright){0};
    spin_unlock(&task->lock);
    return right;
}

/* Rights to tasks after `task`, whose reference it drops. */
static kern_return_t collect_tasks(struct task *task, struct kright *out)
{
    unsigned found = 0, looked = 0;
    kern_return_t kr;
    do {
        struct task *before = task;
        kr = task_next(before, &task);
        if (before)
            task_unref(before);
        if (task)
            out[found] = task_right(task);
        found += task && out[found].object;
        looked++;
        /* Without any right the answer would be the end of the list. */
    } while (task && (looked < HOST_TASKS_TASKS_MAX || found == 0));
    if (task)
        task_unref(task);
    /* Tasks that are ending are left out; the next call begins behind the last one told. */
    return looked == 1 ? kr : KERN_SUCCESS;
}

kern_return_t khost_tasks_tasks(struct kcall *call, struct host *target, struct kright *after,
                                struct kright *first, struct kright *r1, struct kright *r2,
                                struct kright *r3, struct kright *r4, struct kright *r5,
                                struct kright *r6, struct kright *r7)
{
    (void)call, (void)target;
    (void)r1, (void)r2, (void)r3, (void)r4, (void)r5, (void)r6, (void)r7;
    struct task *last = kobj_of_right(after, KOBJECT_TASK);
    if (after->kind && !last)
        return after->object ? KERN_INVALID_TASK : KERN_NOT_FOUND;
    return collect_tasks(last, first); /* the results follow each other in the call */
}

kern_return_t khost_tasks_set_essential(struct kcall *call, struct host *target,
                                        struct kright *right, bool essential)
{
    (void)call, (void)target;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    task_set_essential(task, essential);
    task_unref(task);
    return KERN_SUCCESS;
}

kern_return_t khost_tasks_set_max_priority(struct kcall *call, struct host *target,
                                           struct kright *right, uint32_t priority)
{
    (void)call, (void)target;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    if (!task)
        return KERN_INVALID_TASK;
    kern_return_t kr = task_set_max_priority(task, priority, true);
    task_unref(task);
    return kr;
}

kern_return_t khost_tasks_set_thread_max_priority(struct kcall *call, struct host *target,
                                                  struct kright *right, uint32_t priority)
{
    (void)call, (void)target;
    struct thread *thread = kobj_of_right(right, KOBJECT_THREAD);
    if (!thread)
        return KERN_INVALID_CAPABILITY;
    kern_return_t kr = thread_set_max_priority(thread, priority, true);
    thread_unref(thread);
    return kr;
}

kern_return_t khost_tasks_is_below(struct kcall *call, struct host *target, struct kright *right,
                                   struct kright *other, bool *below)
{
    (void)call, (void)target;
    struct task *task = kobj_of_right(right, KOBJECT_TASK);
    struct task *above = kobj_of_right(other, KOBJECT_TASK);
    if (task && above)
        *below = ledger_is_below(task->ledger, above->ledger);
    kern_return_t kr = task && above ? KERN_SUCCESS : KERN_INVALID_TASK;
    if (above)
        task_unref(above);
    if (task)
        task_unref(task);
    return kr;
}
