/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and ending threads (kern/thread.h: T1..T4).
 */
#include <arch/thread.h>
#include <arch/timer.h>
#include <kern/amap.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/kmem.h>
#include <kern/msg.h>
#include <kern/paged_object.h>
#include <kern/reply.h>
#include <kern/sched.h>
#include <kern/space.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <kern/wait.h>

/* Type-stable: whoever lends to a thread or is lent to may look at it when it has just ended
 * (kernel/sched/lend.c). The number of a free thread's successor lies where only its own wait is. */
static KMEM_CACHE_STABLE(thread_cache, struct thread, progress, NULL);
static _Atomic uint32_t next_thread_id = 1;

enum { QUANTUM_MS = 10 };

/* No entry has bits like these: names without an entry are not found by what a new thread remembers. */
static struct ipc_entry no_entry = {.bits = UINT32_MAX};
static const struct name_memory nothing_found = {.entry = &no_entry};

static void thread_init(struct thread *thread, struct task *task, vaddr_t entry, vaddr_t sp,
                        uint64_t arg, unsigned priority)
{
    memset(thread, 0, THREAD_VISITED);
    list_init(&thread->runnable.link);
    thread->runnable.kind = RUNNABLE_THREAD;
    __atomic_store_n(&thread->runnable.cpu, (uint8_t)arch_cpu_self()->number, __ATOMIC_RELAXED);
    atomic_store(&thread->flags,
                 THREAD_FLAG_SUSPEND); /* before the state: it is never taken for one
                                                          that must be queued */
    atomic_store(&thread->state, THREAD_SUSPENDED);
    atomic_init(&thread->references, 2); /* the caller's, and the list's */
    thread->id = atomic_fetch_add(&next_thread_id, 1);
    arch_thread_init(&thread->arch, entry, sp, arg, thread->id);
    atomic_store(&thread->affinity, ~UINT64_C(0));
    __atomic_store_n(&thread->context, &thread->own_context, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->held, NULL, __ATOMIC_RELAXED);
    atomic_store_explicit(&thread->exception_reply, NULL, memory_order_relaxed);
    atomic_store(&thread->floor, (uint8_t)priority);
    atomic_store(&thread->inherited, 0);
    sched_context_init(&thread->own_context, priority, arch_counter_frequency() * QUANTUM_MS / 1000,
                       task->ledger);
    thread->task = task;
    thread->space = task->space;
    thread->suspend_count = 1; /* taken back by the first resume */
    for (unsigned i = 0; i < array_count(thread->sent_to); i++)
        thread->sent_to[i] = nothing_found;
    thread->receives_from = nothing_found;
    thread->wait.until = TICKS_NEVER;
    deadline_init(&thread->wait.deadline, wait_deadline);
}

kern_return_t thread_create_for_maker(struct task *task, vaddr_t entry, vaddr_t sp, uint64_t arg,
                                      vaddr_t tls, unsigned priority, struct kright *right,
                                      struct thread **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc_counted(&thread_cache, task->ledger, LEDGER_THREADS, 1, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct thread *thread = memory;
    thread_init(thread, task, entry, sp, arg, priority);
    arch_thread_set_tls(&thread->arch, tls);
    kr = reply_create(thread, &thread->reply);
    if (kr != KERN_SUCCESS)
        goto free_thread;
    kr = port_create_kobject(task->ledger, KOBJECT_THREAD, thread, &thread->self_port);
    if (kr != KERN_SUCCESS)
        goto free_reply;

    spin_lock(&task->lock);
    if (task->dying || priority > task->max_priority) {
        kr = task->dying ? KERN_INVALID_TASK : KERN_DENIED;
        spin_unlock(&task->lock);
        port_destroy_kobject(thread->self_port);
        goto free_reply;
    }
    thread->pmap = task->pmap; /* one that is ending may have none any more */
    relaxed_store(thread->space_number, task->pmap->active);
    thread->max_priority = task->max_priority;
    if (right)
        *right = port_send_right(thread->self_port);
    list_push_back(&task->threads, &thread->task_link); /* T4 */
    task->thread_count++;
    task_ref(task);
    spin_unlock(&task->lock);
    trace(TRACE_THREAD_CREATE, thread->id, task->id);
    *out = thread;
    return KERN_SUCCESS;

free_reply:
    reply_abandon(thread->reply);
free_thread:
    kmem_free_counted(&thread_cache, task->ledger, LEDGER_THREADS, 1, thread);
    return kr;
}

kern_return_t thread_create(struct task *task, vaddr_t entry, vaddr_t sp, uint64_t arg, vaddr_t tls,
                            unsigned priority, struct thread **out)
{
    return thread_create_for_maker(task, entry, sp, arg, tls, priority, NULL, out);
}

void thread_terminate(struct thread *thread)
{
    /* Sequentially consistent: see the order rule at the head of sched.c. */
    atomic_fetch_or(&thread->flags, THREAD_FLAG_TERMINATE);
    sched_hasten_end(thread); /* others wait for it, whatever its own urgency was */
    if (atomic_load(&thread->state) == THREAD_WAITING)
        (void)wait_abort(thread);
    else
        sched_place_again(thread);
}

void thread_exit_current(struct thread *self)
{
    atomic_fetch_or(&self->flags, THREAD_FLAG_TERMINATE);
    atomic_store(&arch_cpu_self()->reschedule, 1);
}

/* What calls of kernel objects have left with it: memory half copied, a task half made, the name of its own port. */
static void end_call(struct thread *thread)
{
    task_end_stop(thread);
    paged_forget(thread);
    if (thread->copied)
        amap_unref(thread->copied);
    if (thread->making) {
        task_terminate(thread->making, 0, false);
        task_unref(thread->making);
    }
    if (thread->self_name) /* the program may have given it up itself */
        (void)!space_deallocate(thread->task->space, thread->self_name);
}

void thread_reap(struct thread *thread)
{
    struct task *task = thread->task;
    trace(TRACE_THREAD_EXIT, thread->id, task->id);
    atomic_store(&thread->state, THREAD_DEAD);
    end_call(thread);
    thread_end_messages(thread);
    exception_end_thread(thread);
    ledger_return(task->ledger, LEDGER_THREADS, 1);
    spin_lock(&task->lock);
    list_remove(&thread->task_link);
    task->ended_consumed +=
        atomic_load_explicit(&thread->own_context.consumed, memory_order_relaxed);
    atomic_store(&task->look_anew, true);
    bool last = --task->thread_count == 0;
    if (last && !task->dying) { /* K1: nobody else ended it */
        task_begin_ending_locked(task);
        task->exit_status = thread->exit_status;
    }
    spin_unlock(&task->lock);
    if (last)
        task_start_teardown(task);
    thread_unref(thread); /* the list's; from here on the thread may be gone */
}

void thread_ref(struct thread *thread)
{
    atomic_fetch_add_explicit(&thread->references, 1, memory_order_relaxed);
}

void thread_unref(struct thread *thread)
{
    if (atomic_fetch_sub_explicit(&thread->references, 1, memory_order_acq_rel) != 1)
        return;
    struct task *task = thread->task;
    kmem_free(&thread_cache, task->ledger, thread);
    task_unref(task);
}
