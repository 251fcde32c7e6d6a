/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of tasks; what they do stands in interfaces/task.defs.
 */
#include "kobj_impl.h"
#include <arch/cpu.h>
#include <arch/usercopy.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/exception.h>
#include <kern/sched.h>
#include <kern/space.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/task_kernel.h>

/* ---- create ---- */

/* Copy a send right; the source is kept. */
static struct kright copy_right(const struct kright *right)
{
    if (right->object)
        port_copy_send(container_of(right->object, struct port, ipc));
    return *right;
}

static kern_return_t check_limits(const struct task_limit *limits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (limits[i].kind >= LEDGER_KIND_COUNT || limits[i].zero)
            return KERN_INVALID_VALUE;
    return KERN_SUCCESS;
}

static int64_t limit_of(uint64_t limit)
{
    return limit > (uint64_t)LEDGER_NO_LIMIT ? LEDGER_NO_LIMIT : (int64_t)limit;
}

/* A task that nobody knows yet, with what it inherits but for names. */
static kern_return_t make_task(struct task *parent, const char *name,
                               const struct task_limit *limits, uint32_t count, struct task **out)
{
    struct task *task;
    kern_return_t kr = check_limits(limits, count);
    if (kr == KERN_SUCCESS)
        kr = task_create_hidden(parent->ledger, "", &task);
    if (kr != KERN_SUCCESS)
        return kr;
    task_set_name(task, name, strlen(name));
    exception_inherit(parent, task);
    for (uint32_t i = 0; i < count; i++)
        ledger_set_limit(task->ledger, limits[i].kind, limit_of(limits[i].limit));
    spin_lock(&parent->lock);
    bool dying = parent->dying;
    if (!dying) {
        task->max_priority = parent->max_priority;
        task->bootstrap = copy_right(&parent->bootstrap);
    }
    spin_unlock(&parent->lock);
    if (dying) {
        task_terminate(task, 0, false);
        task_unref(task);
        return KERN_TERMINATED;
    }
    *out = task;
    return KERN_SUCCESS;
}

/* The new task's name for itself: a right to its own port, or to the one its maker put in its place. */
static kern_return_t name_itself(struct task *task, struct kright *substitute, uint32_t *name)
{
    kern_return_t kr = space_reserve(task->space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kright self = substitute->kind == 0 ? port_send_right(task->self_port) : *substitute;
    *substitute = (struct kright){0};
    *name = space_insert(task->space, &self);
    return KERN_SUCCESS;
}

/* Whose making goes on: begun in an earlier piece of this call, or now. */
static kern_return_t find_made(struct kcall *call, struct task *parent, const char *name,
                               const struct task_limit *limits, uint32_t count, struct task **out)
{
    if (call->self->making && kcall_progress(call, KCALL_TAG_TASK_CREATE)) {
        *out = call->self->making;
        return KERN_SUCCESS;
    }
    task_end_stop(call->self); /* another call went before it, and was given up */
    if (call->self->making) {
        task_terminate(call->self->making, 0, false);
        task_unref(call->self->making);
        call->self->making = NULL;
    }
    return make_task(parent, name, limits, count, out);
}

/* What a new task inherits, in pieces. Progress tells the stage in its upper bits, and how far that has come. */
enum { STAGE_SHIFT = 48 };
enum stage { STAGE_NONE, STAGE_NAMES, STAGE_STOP, STAGE_MEMORY, STAGE_GO_ON, STAGE_DONE };

static kern_return_t stage_step(struct thread *self, struct task *parent, struct task *child,
                                uint32_t flags, enum stage stage, uint64_t *progress)
{
    uint32_t copied = (uint32_t)*progress;
    kern_return_t kr = KERN_SUCCESS;
    bool memory = flags & TASK_INHERIT_MEMORY;
    switch (stage) {
    case STAGE_NAMES:
        if (flags & TASK_INHERIT_SEND_RIGHTS)
            kr = space_copy_send_rights(parent->space, child->space, &copied);
        *progress = copied;
        return kr;
    case STAGE_STOP: return memory ? task_stop_others(parent, self, progress) : KERN_SUCCESS;
    case STAGE_MEMORY: return memory ? map_fork(parent, child, progress) : KERN_SUCCESS;
    case STAGE_GO_ON:
        if (self->stopped)
            kr = task_let_go_on(self, progress);
        return kr == KERN_TERMINATED ? KERN_SUCCESS : kr;
    case STAGE_NONE:
        return arch_irq_pending() ? KERN_RETRY : KERN_SUCCESS; /* the task was a piece */
    case STAGE_DONE: break;
    }
    return KERN_SUCCESS;
}

static kern_return_t inherit(struct thread *self, struct task *parent, struct task *child,
                             uint32_t flags, uint64_t *progress)
{
    uint64_t stage = *progress >> STAGE_SHIFT;
    uint64_t within = *progress & ((UINT64_C(1) << STAGE_SHIFT) - 1);
    kern_return_t kr = KERN_SUCCESS;
    while (stage < STAGE_DONE && kr == KERN_SUCCESS) {
        kr = stage_step(self, parent, child, flags, (enum stage)stage, &within);
        if (kr == KERN_SUCCESS || stage == STAGE_NONE) {
            stage++;
            within = 0;
        }
    }
    if (kr != KERN_SUCCESS && kr != KERN_RETRY)
        task_end_stop(self);
    *progress = stage << STAGE_SHIFT | within;
    return kr;
}

kern_return_t ktask_create(struct kcall *call, struct task *target, uint32_t flags,
                           const char *name, const struct task_limit *limits, uint32_t limits_count,
                           struct kright *self_port, struct kright *made, uint32_t *self_name)
{
    struct thread *self = call->self;
    struct task *task;
    uint64_t progress = kcall_progress(call, KCALL_TAG_TASK_CREATE);
    if (flags & ~(TASK_INHERIT_SEND_RIGHTS | TASK_INHERIT_MEMORY))
        return KERN_INVALID_VALUE;
    if (progress == 0 && arch_irq_pending()) /* making it takes long, and so did coming here */
        return kcall_again(call, KCALL_TAG_TASK_CREATE, 0, KERN_RETRY);
    kern_return_t kr = find_made(call, target, name, limits, limits_count, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = inherit(self, target, task, flags, &progress);
    if (kr == KERN_SUCCESS)
        kr = name_itself(task, self_port, self_name);
    self->building = kr == KERN_RETRY;
    self->making = kr == KERN_RETRY ? task : NULL;
    if (kr == KERN_SUCCESS) {
        *made = port_send_right(task->self_port);
        task_show(task);
    } else if (kr != KERN_RETRY)
        task_terminate(task, 0, false);
    if (kr != KERN_RETRY)
        task_unref(task);
    return kcall_again(call, KCALL_TAG_TASK_CREATE, progress, kr);
}

/* `right`: gets one to it, if not NULL. The reference is the caller's. */
static kern_return_t make_thread(struct task *task, uint64_t entry, uint64_t sp, uint64_t argument,
                                 uint64_t tls, uint32_t priority, struct kright *right,
                                 struct thread **out)
{
    if (entry % 4 != 0 || sp % 16 != 0 || priority < 1 || priority > PRIORITY_MAX)
        return KERN_INVALID_ARGUMENT;
    if (entry >= USER_VA_END || sp > USER_VA_END || tls >= USER_VA_END)
        return KERN_INVALID_ADDRESS;
    return thread_create_for_maker(task, entry, sp, argument, tls, priority, right, out);
}

kern_return_t ktask_create_thread(struct kcall *call, struct task *target, uint64_t entry,
                                  uint64_t sp, uint64_t argument, uint64_t tls, uint32_t priority,
                                  bool run, struct kright *out, uint32_t *id)
{
    struct thread *thread;
    kern_return_t kr = make_thread(target, entry, sp, argument, tls, priority, out, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    *id = thread->id;
    call->made = thread;
    call->run = run;
    return KERN_SUCCESS;
}

/* Nobody has to hear of it before it may run. */
kern_return_t ktask_start_thread(struct kcall *call, struct task *target, uint64_t entry,
                                 uint64_t sp, uint64_t argument, uint64_t tls, uint32_t priority,
                                 uint32_t *id)
{
    (void)call;
    struct thread *thread;
    kern_return_t kr = make_thread(target, entry, sp, argument, tls, priority, NULL, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    *id = thread->id;
    thread_resume(thread);
    thread_unref(thread);
    return KERN_SUCCESS;
}

/* ---- life ---- */

kern_return_t ktask_terminate(struct kcall *call, struct task *target, uint32_t status)
{
    task_terminate(target, status & 0xff, false);
    if (target == call->self->task)
        thread_exit_current(call->self);
    return KERN_SUCCESS;
}

kern_return_t ktask_suspend(struct kcall *call, struct task *target)
{
    uint64_t progress = kcall_progress(call, KCALL_TAG_TASK_SUSPEND);
    kern_return_t kr = task_suspend(target, &progress);
    return kcall_again(call, KCALL_TAG_TASK_SUSPEND, progress, kr);
}

kern_return_t ktask_resume(struct kcall *call, struct task *target)
{
    uint64_t progress = kcall_progress(call, KCALL_TAG_TASK_RESUME);
    kern_return_t kr = task_resume(target, &progress);
    return kcall_again(call, KCALL_TAG_TASK_RESUME, progress, kr);
}

/* ---- description ---- */

kern_return_t ktask_info(struct kcall *call, struct task *target, struct task_info *info)
{
    (void)call;
    task_get_info(target, info);
    return KERN_SUCCESS;
}

kern_return_t ktask_cpu_time(struct kcall *call, struct task *target, uint64_t *nanoseconds,
                             uint32_t *left)
{
    (void)call;
    *nanoseconds = task_cpu_time(target, TASK_TIMED_MAX, left);
    return KERN_SUCCESS;
}

/* Rights to the ports of the threads behind `link`, at most TASK_THREADS_MAX. The TASK lock is held. */
static void collect_threads(struct task *task, const struct list *link, struct kright *out)
{
    for (unsigned n = 0; n < TASK_THREADS_MAX && link != &task->threads; link = link->next) {
        struct thread *thread = list_entry(link, struct thread, task_link);
        if (thread->self_port)
            out[n++] = port_send_right(thread->self_port);
    }
}

kern_return_t ktask_threads(struct kcall *call, struct task *target, struct kright *after,
                            struct kright *first, struct kright *r1, struct kright *r2,
                            struct kright *r3, struct kright *r4, struct kright *r5,
                            struct kright *r6, struct kright *r7)
{
    (void)call, (void)r1, (void)r2, (void)r3, (void)r4, (void)r5, (void)r6, (void)r7;
    struct thread *last = kobj_of_right(after, KOBJECT_THREAD);
    if (after->kind && !last)
        return after->object ? KERN_INVALID_CAPABILITY : KERN_NOT_FOUND;
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&target->lock);
    if (target->dying)
        kr = KERN_TERMINATED;
    else if (last && (last->task != target || !last->self_port))
        kr = KERN_NOT_FOUND;
    else /* the results follow each other in the call */
        collect_threads(target, last ? last->task_link.next : target->threads.next, first);
    spin_unlock(&target->lock);
    if (last)
        thread_unref(last);
    return kr;
}

kern_return_t ktask_ledger(struct kcall *call, struct task *target, uint32_t kind, uint64_t *used,
                           uint64_t *peak, uint64_t *limit)
{
    (void)call;
    if (kind >= LEDGER_KIND_COUNT)
        return KERN_INVALID_VALUE;
    const struct ledger_account *account = &target->ledger->account[kind];
    int64_t most = relaxed_load(account->limit);
    *used = (uint64_t)ledger_used(target->ledger, kind);
    *peak = (uint64_t)ledger_peak(target->ledger, (enum ledger_kind)kind);
    *limit = most == LEDGER_NO_LIMIT ? UINT64_MAX : (uint64_t)most;
    return KERN_SUCCESS;
}

/* ---- attributes ---- */

kern_return_t ktask_set_name(struct kcall *call, struct task *target, const char *name)
{
    (void)call;
    task_set_name(target, name, strlen(name));
    return KERN_SUCCESS;
}

kern_return_t ktask_get_special_port(struct kcall *call, struct task *target, uint32_t which,
                                     struct kright *port)
{
    (void)call;
    if (which != TASK_SPECIAL_BOOTSTRAP)
        return KERN_INVALID_VALUE;
    spin_lock(&target->lock);
    *port = copy_right(&target->bootstrap);
    spin_unlock(&target->lock);
    return KERN_SUCCESS;
}

kern_return_t ktask_set_special_port(struct kcall *call, struct task *target, uint32_t which,
                                     struct kright *port)
{
    (void)call;
    if (which != TASK_SPECIAL_BOOTSTRAP)
        return KERN_INVALID_VALUE;
    spin_lock(&target->lock);
    bool dying = target->dying; /* its end has been through here, or will not come again */
    if (!dying) {
        struct kright before = target->bootstrap;
        target->bootstrap = *port;
        *port = before; /* destroyed with what the request carried */
    }
    spin_unlock(&target->lock);
    return dying ? KERN_TERMINATED : KERN_SUCCESS;
}

kern_return_t ktask_set_limit(struct kcall *call, struct task *target, uint32_t kind,
                              uint64_t limit)
{
    (void)call;
    if (kind >= LEDGER_KIND_COUNT)
        return KERN_INVALID_VALUE;
    return ledger_lower_limit(target->ledger, kind, limit_of(limit)) ? KERN_SUCCESS : KERN_DENIED;
}

kern_return_t ktask_set_max_priority(struct kcall *call, struct task *target, uint32_t priority)
{
    (void)call;
    return task_set_max_priority(target, priority, false);
}
