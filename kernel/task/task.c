/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and ending tasks (kern/task.h: K1). The end is a work item: it tells the threads to die, a
 * few at a time, waits for the last, then takes the memory down piece by piece and frees what is
 * left.
 */
#include <arch/cpu.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/kmem.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/space.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace_stream.h>

static KMEM_CACHE(task_cache, struct task);
static struct spinlock tasks_lock = SPINLOCK_INIT(LOCK_TASKS);
static struct list tasks = LIST_INIT(tasks); /* tasks_lock */
static _Atomic uint32_t next_task_id = 1;
static _Atomic uint32_t live_tasks;
static _Atomic uint32_t ending_tasks; /* dying, and not gone yet */

static work_step_t teardown_step;

kern_return_t task_create_hidden(struct ledger *parent_ledger, const char *name, struct task **out)
{
    struct ledger *ledger;
    void *memory;
    kern_return_t kr = ledger_create(parent_ledger, &ledger);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = kmem_alloc(&task_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        goto drop_ledger;
    struct task *task = memory;
    kr = pmap_create(ledger, &task->pmap);
    if (kr != KERN_SUCCESS)
        goto free_task;
    kr = space_create(ledger, &task->space);
    if (kr != KERN_SUCCESS)
        goto destroy_pmap;
    kr = port_create_kobject(ledger, KOBJECT_TASK, task, &task->self_port);
    if (kr != KERN_SUCCESS)
        goto destroy_space;
    spin_init(&task->lock, LOCK_TASK);
    map_init(&task->map);
    atomic_init(&task->references, 2); /* the caller's, and its life's */
    task->id = atomic_fetch_add(&next_task_id, 1);
    task->ledger = ledger;
    task->max_priority = PRIORITY_MAX;
    list_init(&task->threads);
    work_init(&task->teardown, teardown_step,
              PRIORITY_MAX); /* the task's own threads may be as urgent */
    list_init(&task->link);
    atomic_fetch_add(&live_tasks, 1);
    trace(TRACE_TASK_CREATE, task->id, 0);
    if (*name)
        task_set_name(task, name, strlen(name));
    *out = task;
    return KERN_SUCCESS;

destroy_space:
    space_unref(task->space);
destroy_pmap:
    pmap_destroy(task->pmap);
free_task:
    kmem_free(&task_cache, ledger, task);
drop_ledger:
    ledger_unref(ledger);
    return kr;
}

void task_show(struct task *task)
{
    spin_lock(&tasks_lock);
    list_push_back(&tasks, &task->link);
    spin_unlock(&tasks_lock);
}

kern_return_t task_create(struct ledger *parent_ledger, const char *name, struct task **out)
{
    kern_return_t kr = task_create_hidden(parent_ledger, name, out);
    if (kr == KERN_SUCCESS)
        task_show(*out);
    return kr;
}

void task_ref(struct task *task)
{
    atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed);
}

void task_unref(struct task *task)
{
    if (atomic_fetch_sub_explicit(&task->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = task->ledger;
    space_unref(task->space);
    kmem_free(&task_cache, ledger, task);
    ledger_unref(ledger);
    atomic_fetch_sub(&live_tasks, 1);
}

kern_return_t task_next(struct task *task, struct task **out)
{
    *out = NULL;
    spin_lock(&tasks_lock);
    bool there = !task || list_is_linked(&task->link);
    const struct list *link = task ? task->link.next : tasks.next;
    if (there && link != &tasks)
        task_ref(*out = list_entry(link, struct task, link));
    spin_unlock(&tasks_lock);
    return there ? KERN_SUCCESS : KERN_NOT_FOUND;
}

/* The lock is held. */
static void leave_list(struct task *task)
{
    task->leaves = true;
    if (task->walks == 0)
        list_remove(&task->link);
}

struct task *task_walk(struct task *at)
{
    spin_lock(&tasks_lock);
    struct list *link = at ? at->link.prev : tasks.prev;
    struct task *next = NULL;
    if (link != &tasks) {
        next = list_entry(link, struct task, link);
        task_ref(next);
        next->walks++;
    }
    if (at && --at->walks == 0 && at->leaves)
        leave_list(at);
    spin_unlock(&tasks_lock);
    if (at)
        task_unref(at);
    return next;
}

void task_sender_gone(struct task *task, uint32_t left)
{
    if (left > 1)
        return;
    atomic_store(&task->look_anew, true);
    work_start(
        &task->teardown); /* perhaps that is its own name for itself, or for its thread: it looks */
}

void task_begin_ending_locked(struct task *task)
{
    task->dying = true;
    atomic_fetch_add(&ending_tasks, 1);
}

bool task_any_ending(void)
{
    return atomic_load(&ending_tasks) > 0;
}

unsigned task_live_count(void)
{
    return atomic_load(&live_tasks);
}

/* The next thread of the task that has not been told to die; a reference is taken. NULL when
 * there is none. Those that have been told stand at the list's end, so this does not grow with
 * their number. */
static struct thread *next_living(struct task *task)
{
    struct thread *found = NULL;
    spin_lock(&task->lock);
    if (!list_is_empty(&task->threads)) {
        struct thread *thread = list_entry(task->threads.next, struct thread, task_link);
        if (!thread->told) {
            thread->told = true;
            list_remove(&thread->task_link);
            list_push_back(&task->threads, &thread->task_link);
            thread_ref(thread);
            found = thread;
        }
    }
    spin_unlock(&task->lock);
    return found;
}

void task_terminate(struct task *task, uint64_t status, bool crashed)
{
    spin_lock(&task->lock);
    bool first = !task->dying;
    if (first) {
        task_begin_ending_locked(task);
        task->exit_status = status;
        task->crashed = crashed;
    }
    spin_unlock(&task->lock);
    if (first)
        task_start_teardown(task);
}

void task_start_teardown(struct task *task)
{
    work_start(&task->teardown);
}

/* Tell some threads to die. True if there may be more to tell. */
static bool terminate_some(struct task *task)
{
    enum { BATCH = 8 };
    for (unsigned n = 0; n < BATCH; n++) {
        struct thread *thread = next_living(task);
        if (!thread)
            return false;
        thread_terminate(thread);
        thread_unref(thread);
    }
    return true;
}

static bool has_threads(struct task *task)
{
    spin_lock(&task->lock);
    bool has = task->thread_count > 0;
    spin_unlock(&task->lock);
    return has;
}

/* ---- tasks that will never begin ---- */

enum outlook { GOES_ON, ENDS, UNDECIDED /* there is more to look at */ };

/* Nobody else has a right to this thread of it. It goes to the end of the list. The TASK lock is held. */
static bool is_unknown(struct task *task, struct thread *thread)
{
    list_remove(&thread->task_link);
    list_push_back(&task->threads, &thread->task_link);
    return !thread->self_port || space_is_only_sender(task->space, thread->self_port);
}

/* The TASK lock is held. Nobody has a right to the task: who had one to a thread, and could have made another with the other, sets
 * look_anew when it goes. */
static enum outlook look_at_one(struct task *task)
{
    if (task->dying)
        return ENDS;
    if (task->started)
        return GOES_ON;
    if (task->looked < task->thread_count) {
        task->looked++;
        struct thread *thread = list_entry(task->threads.next, struct thread, task_link);
        return is_unknown(task, thread) ? UNDECIDED : GOES_ON;
    }
    if (atomic_load(&task->look_anew))
        return UNDECIDED;
    task_begin_ending_locked(task);
    return ENDS;
}

/* Has it ended, or will it never begin (task_sender_gone)? A piece. */
static enum outlook look(struct task *task)
{
    enum { BATCH = 8 };
    enum outlook outlook = UNDECIDED;
    if (atomic_exchange(&task->look_anew, false))
        task->looked = 0;
    spin_lock(&task->lock);
    bool dying = task->dying;
    spin_unlock(&task->lock);
    if (!dying && !space_is_only_sender(task->space, task->self_port))
        return GOES_ON;
    for (unsigned n = 0; n < BATCH && outlook == UNDECIDED; n++) {
        spin_lock(&task->lock);
        outlook = look_at_one(task);
        spin_unlock(&task->lock);
    }
    return outlook;
}

/* Restores K2. The task is dead to all others from here on. */
static void end_port(struct task *task)
{
    struct port *port = task->self_port;
    exception_end_task(task);
    trace_stream_end_of(task);
    spin_lock(&task->lock); /* who lists tasks takes rights to their ports */
    task->self_port = NULL;
    spin_unlock(&task->lock);
    port_destroy_kobject(port);
    kright_destroy(&task->bootstrap);
}

/* A piece of what the task has: names, its port (K2), memory, the address space. True: there may be more. */
static bool take_down_some(struct task *task)
{
    if (task->self_port) {
        if (space_destroy_some(task->space))
            return true;
        end_port(task);
        return true;
    }
    if (!task->pmap)
        return false;
    if (map_teardown_some(task))
        return true;
    /* A CPU that ran the last thread may not have left the address space yet: it will, at its
     * next switch. */
    if (pmap_is_active(task->pmap))
        return true;
    pmap_destroy(task->pmap);
    task->pmap = NULL;
    spin_lock(&tasks_lock);
    leave_list(task);
    spin_unlock(&tasks_lock);
    return true;
}

/* May be started twice: by task_terminate() and by the last thread's end. The task is freed here
 * only when no thread is left, and a thread that is being reaped holds a reference until after it
 * has started us. */
static bool teardown_step(struct work *work)
{
    enum { PIECES = 8 }; /* at once, as long as nobody waits */
    struct task *task = container_of(work, struct task, teardown);
    enum outlook outlook = look(task);
    if (outlook != ENDS)
        return outlook == UNDECIDED || !work_done(work);
    if (terminate_some(task))
        return true;
    if (has_threads(task))
        return !work_done(work); /* the last of them starts us again */
    work->runnable.priority =
        PRIORITY_REAP; /* on no queue while the step runs; the rest is not urgent */
    for (unsigned n = 0; take_down_some(task); n++)
        if (n == PIECES || arch_irq_pending() || relaxed_load(arch_cpu_self()->reschedule))
            return true;

    char name[sizeof(task->name)] = "";
    uint64_t status = task->exit_status;
    bool crashed = task->crashed, announced = task->announced;
    if (announced)
        task_copy_name(task, name, sizeof(name));
    task_check_essential(task, status, crashed);
    trace(TRACE_TASK_EXIT, task->id, status);
    task_unref(task); /* its life's */
    if (announced)
        program_ended(name, status, crashed);
    atomic_fetch_sub(&ending_tasks, 1);
    return false;
}
