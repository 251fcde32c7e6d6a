/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Describing, naming and restricting threads and tasks (kern/control.h).
 */
#include <arch/reset.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/log.h>
#include <kern/reply.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/trace.h>
#include <kern/wait.h>

static_assert(sizeof(((struct thread *)0)->name) == THREAD_NAME_SIZE);
static_assert(sizeof(((struct task *)0)->name) == TASK_NAME_SIZE);
static_assert((int)LEDGER_KIND_COUNT <= TASK_INFO_LEDGER_KINDS);

/* ---- names ---- */

static void set_name(struct task *task, char *to, size_t size, const char *name, size_t length)
{
    size_t n = 0;
    if (length > size - 1)
        length = size - 1;
    spin_lock(&task->lock);
    for (; n < length && name[n]; n++)
        to[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
    memset(to + n, 0, size - n);
    spin_unlock(&task->lock);
}

void thread_set_name(struct thread *thread, const char *name, size_t length)
{
    set_name(thread->task, thread->name, sizeof(thread->name), name, length);
    if (unlikely(trace_is_on(TRACE_THREAD_NAME)))
        trace_record_name(TRACE_THREAD_NAME, thread->id, name, length);
}

void task_set_name(struct task *task, const char *name, size_t length)
{
    set_name(task, task->name, sizeof(task->name), name, length);
    if (unlikely(trace_is_on(TRACE_TASK_NAME)))
        trace_record_name(TRACE_TASK_NAME, task->id, name, length);
}

void task_copy_name(struct task *task, char *buffer, size_t size)
{
    spin_lock(&task->lock);
    format_text(buffer, size, "%s", task->name);
    spin_unlock(&task->lock);
}

/* ---- description ---- */

static unsigned describe_state(struct thread *thread)
{
    static const uint8_t does[] = {[THREAD_SUSPENDED] = THREAD_DOES_SUSPENDED,
                                   [THREAD_READY] = THREAD_DOES_READY,
                                   [THREAD_RUNNING] = THREAD_DOES_RUN,
                                   [THREAD_WAITING] = THREAD_DOES_WAIT,
                                   [THREAD_DEAD] = THREAD_DOES_END};
    bool told = atomic_load(&thread->flags) & THREAD_FLAG_TERMINATE;
    return told ? THREAD_DOES_END : does[atomic_load(&thread->state)];
}

/* The thread that owes the answer: it holds the reply, or has kept it under a name of its task. Only a hint: replies and
 * threads are type-stable, so a stale pointer leads to some thread at worst. */
static uint32_t answerer(struct thread *thread)
{
    struct reply *reply = __atomic_load_n(&thread->reply, __ATOMIC_ACQUIRE);
    struct thread *holder = reply ? atomic_load(&reply->holder) : NULL;
    return holder ? __atomic_load_n(&holder->id, __ATOMIC_RELAXED) : 0;
}

static void describe_wait(struct thread *thread, struct thread_info *info)
{
    static const uint8_t waits[] = {[WAIT_FUTEX] = THREAD_WAITS_FUTEX,
                                    [WAIT_RECEIVE] = THREAD_WAITS_RECEIVE,
                                    [WAIT_SEND] = THREAD_WAITS_SEND,
                                    [WAIT_PAGE] = THREAD_WAITS_PAGE};
    struct spinlock *lock = wait_hold_still(thread);
    if (lock) {
        info->waits = waits[thread->wait.kind];
        if (thread->wait.kind == WAIT_FUTEX)
            info->answerer = futex_owner_of(thread, lock);
        spin_unlock(lock);
    } else if (info->state == THREAD_DOES_WAIT) { /* W5 */
        info->waits = THREAD_WAITS_REPLY;
        info->answerer = answerer(thread);
    }
}

/* Ticks of its own right, with the turn that goes on. On another CPU a turn may end and others begin meanwhile: then it is looked at again, a few
 * times, and the last turn is left out if that does not help. */
static ticks_t consumed(struct thread *thread)
{
    enum { TRIES = 4 };
    struct sched_context *own = &thread->own_context;
    const struct cpu *here = arch_cpu_self();
    ticks_t before = relaxed_load(own->consumed);
    if (here->current && sched_context_of(here->current) ==
                             own) /* it, or who runs for it: nobody else changes that now */
        return before + (arch_counter() - relaxed_load(here->turn_start));
    for (unsigned i = 0; i < TRIES; i++) {
        struct cpu *cpu = &cpu_record[__atomic_load_n(&thread->runnable.cpu, __ATOMIC_RELAXED)];
        ticks_t start = atomic_load(&cpu->turn_start);
        ticks_t now = arch_counter();
        if (atomic_load(&thread->state) != THREAD_RUNNING || sched_context_of(thread) != own)
            return before;
        ticks_t after = relaxed_load(own->consumed);
        if (after == before && atomic_load(&cpu->turn_start) == start)
            return before + (now > start ? now - start : 0);
        before = after;
    }
    return before;
}

void thread_get_info(struct thread *thread, struct thread_info *info)
{
    struct sched_context *own = &thread->own_context;
    *info = (struct thread_info){.id = thread->id, .task = thread->task->id};
    info->cpu_time = clock_nanos_at(clock_origin() + consumed(thread));
    info->affinity = atomic_load(&thread->affinity);
    info->cpu = __atomic_load_n(&thread->runnable.cpu, __ATOMIC_RELAXED);
    info->priority = atomic_load_explicit(&own->priority, memory_order_relaxed);
    info->effective = (uint8_t)sched_effective(thread);
    spin_lock(&thread->task->lock);
    memcpy(info->name, thread->name, sizeof(info->name));
    info->suspend_count = thread->suspend_count;
    info->max_priority = thread->max_priority;
    info->state = (uint8_t)describe_state(thread);
    describe_wait(thread, info);
    spin_unlock(&thread->task->lock);
}

uint64_t task_cpu_time(struct task *task, unsigned most, uint32_t *left)
{
    struct thread *thread;
    unsigned counted = 0;
    spin_lock(&task->lock);
    ticks_t sum = task->ended_consumed;
    list_for_each(thread, &task->threads, task_link) {
        if (counted == most)
            break;
        sum += consumed(thread);
        counted++;
    }
    *left = task->thread_count - counted;
    spin_unlock(&task->lock);
    return clock_nanos_at(clock_origin() + sum);
}

void task_get_info(struct task *task, struct task_info *info)
{
    *info = (struct task_info){.id = task->id, .ledger_kinds = LEDGER_KIND_COUNT};
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
        info->used[kind] = ledger_used(task->ledger, kind);
        int64_t limit = relaxed_load(task->ledger->account[kind].limit);
        info->limit[kind] = limit == LEDGER_NO_LIMIT ? TASK_INFO_NO_LIMIT : limit;
    }
    spin_lock(&task->lock);
    memcpy(info->name, task->name, sizeof(info->name));
    info->threads = task->thread_count;
    info->suspend_count = task->suspend_count;
    info->max_priority = task->max_priority;
    info->essential = task->essential;
    info->ending = task->dying;
    info->ended_time = clock_nanos_at(clock_origin() + task->ended_consumed);
    spin_unlock(&task->lock);
}

/* ---- restrictions ---- */

kern_return_t thread_set_priority(struct thread *thread, unsigned priority)
{
    if (priority < 1 || priority > PRIORITY_MAX)
        return KERN_INVALID_ARGUMENT;
    /* Under the lock: the maximum cannot fall meanwhile and leave the base above it. */
    spin_lock(&thread->task->lock);
    bool allowed = priority <= thread->max_priority;
    if (allowed)
        sched_set_priority(thread, priority);
    spin_unlock(&thread->task->lock);
    return allowed ? KERN_SUCCESS : KERN_DENIED;
}

static kern_return_t set_maximum(uint8_t *old, unsigned maximum, bool privileged)
{
    if (maximum < 1 || maximum > PRIORITY_MAX)
        return KERN_INVALID_ARGUMENT;
    if (maximum > *old && !privileged)
        return KERN_DENIED;
    *old = (uint8_t)maximum;
    return KERN_SUCCESS;
}

kern_return_t thread_set_max_priority(struct thread *thread, unsigned maximum, bool privileged)
{
    spin_lock(&thread->task->lock);
    kern_return_t kr = set_maximum(&thread->max_priority, maximum, privileged);
    if (kr == KERN_SUCCESS && atomic_load(&thread->own_context.priority) > maximum)
        sched_set_priority(thread, maximum);
    spin_unlock(&thread->task->lock);
    return kr;
}

kern_return_t task_set_max_priority(struct task *task, unsigned maximum, bool privileged)
{
    spin_lock(&task->lock);
    kern_return_t kr = set_maximum(&task->max_priority, maximum, privileged);
    spin_unlock(&task->lock);
    return kr;
}

void task_set_essential(struct task *task, bool essential)
{
    spin_lock(&task->lock);
    task->essential = essential;
    spin_unlock(&task->lock);
}

void task_check_essential(struct task *task, uint64_t status, bool crashed)
{
    char name[sizeof(task->name)];
    spin_lock(&task->lock);
    bool essential = task->essential;
    spin_unlock(&task->lock);
    if (!essential)
        return;
    task_copy_name(task, name, sizeof(name));
    log_plain("wharf: essential task %s %s, status %lu: restarting the machine", name,
              crashed ? "crashed" : "ended", status);
    arch_reset(ARCH_RESET_REBOOT);
}
