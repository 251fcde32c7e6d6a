/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of the scheduler and of work items on this CPU. Threads become current but are never
 * entered (kern/ktest_task.h). The thorough tests run on the simulated machine, tests/host/machine.
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>
#include <kern/sched.h>
#include <kern/wait.h>
#include <kern/work.h>

static ticks_t in_milliseconds(unsigned n)
{
    return arch_counter() + arch_counter_frequency() / 1000 * n;
}

struct thread *ktest_thread(struct task *task, unsigned cpu, unsigned priority)
{
    struct thread *thread;

    if (thread_create(task, 0x400000, 0x500000, 0, 0, priority, &thread) != KERN_SUCCESS)
        return NULL;
    atomic_fetch_or(&thread->flags, THREAD_FLAG_BOUND);
    atomic_store(&thread->affinity, UINT64_C(1) << cpu);
    thread->own_context.quantum = thread->own_context.left = TICKS_NEVER / 4;
    return thread;
}

void ktest_end_task(struct task *task)
{
    unsigned live = task_live_count();

    task_terminate(task, 0, false);
    KTEST_EXPECT(ktest_settle() == NULL);
    task_unref(task);
    KTEST_EXPECT(task_live_count() == live - 1);
}

/* A task with threads of these priorities, ready on this CPU. NULL: could not be made. */
static struct task *task_with(struct thread **thread, const uint8_t *priority, unsigned count)
{
    struct task *task;

    if (!KTEST_EXPECT(task_create(&kernel_ledger, "ktest", &task) == KERN_SUCCESS))
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        thread[i] = ktest_thread(task, arch_cpu_self()->number, priority[i]);
        if (!KTEST_EXPECT(thread[i] != NULL)) {
            ktest_end_task(task);
            return NULL;
        }
        thread_unref(thread[i]); /* the task's list keeps it */
    }
    for (unsigned i = 0; i < count; i++)
        thread_resume(thread[i]);
    return task;
}

KTEST(sched_most_urgent_first_then_in_order)
{
    static const uint8_t priority[] = {10, 50, 50, 0, 255};
    struct cpu *cpu = arch_cpu_self();
    struct thread *t[array_count(priority)];
    struct task *task = task_with(t, priority, array_count(priority));

    if (task == NULL)
        return;
    KTEST_EXPECT(ktest_settle() == t[4] && sched_check(cpu));
    KTEST_EXPECT(cpu->turn_end == TICKS_NEVER); /* nobody of its priority waits */
    sched_set_priority(t[4], 1);
    KTEST_EXPECT(ktest_settle() == t[1]);
    KTEST_EXPECT(cpu->turn_end != TICKS_NEVER);
    for (unsigned i = 0; i < 4; i++) {
        sched_give_way(cpu->current);
        KTEST_EXPECT(ktest_settle() == t[i % 2 ? 1 : 2] && sched_check(cpu));
        cpu->current->own_context.left = cpu->current->own_context.quantum;
    }
    sched_set_priority(t[0], 51);
    KTEST_EXPECT(ktest_settle() == t[0]);
    sched_set_priority(t[0], 50); /* equal to others: its turn goes on */
    KTEST_EXPECT(ktest_settle() == t[0] && sched_check(cpu));
    ktest_end_task(task);
    KTEST_EXPECT(cpu->run_queue.count == 0 && sched_check(cpu));
}

KTEST(sched_wake_preempts)
{
    static const uint8_t priority[] = {100, 60};
    struct cpu *cpu = arch_cpu_self();
    struct thread *t[array_count(priority)];
    struct task *task = task_with(t, priority, array_count(priority));

    if (task == NULL)
        return;
    KTEST_EXPECT(ktest_settle() == t[0]);
    for (unsigned i = 0; i < 3; i++) {
        KTEST_EXPECT(sched_block(t[0]) && cpu->current == NULL);
        KTEST_EXPECT(atomic_load(&t[0]->state) == THREAD_WAITING);
        KTEST_EXPECT(ktest_settle() == t[1]);
        wait_end(t[0], KERN_SUCCESS);
        KTEST_EXPECT(ktest_settle() == t[0] && sched_check(cpu));
    }
    KTEST_EXPECT(sched_set_affinity(t[1], 0) == KERN_INVALID_ARGUMENT);
    KTEST_EXPECT(sched_set_affinity(t[1], UINT64_C(1) << 63) == KERN_INVALID_ARGUMENT);
    atomic_fetch_or(&t[0]->flags,
                    THREAD_FLAG_TERMINATE); /* told to die: it may not wait any more */
    KTEST_EXPECT(!sched_block(t[0]) && cpu->current == t[0]);
    KTEST_EXPECT(ktest_settle() == t[1]);
    ktest_end_task(task);
}

/* Two of one priority, turns of a millisecond: the alarm ends them, one after the other. */
KTEST(sched_turns_end_by_the_clock)
{
    static const uint8_t priority[] = {70, 70};
    struct cpu *cpu = arch_cpu_self();
    struct thread *t[array_count(priority)];
    struct task *task = task_with(t, priority, array_count(priority));
    unsigned switches = 0;

    if (task == NULL)
        return;
    for (unsigned i = 0; i < 2; i++)
        t[i]->own_context.quantum = t[i]->own_context.left = arch_counter_frequency() / 1000;
    struct thread *last = ktest_settle();
    for (ticks_t limit = in_milliseconds(5000); switches < 6 && arch_counter() < limit;) {
        if (arch_irq_pending())
            arch_irq_poll();
        switches += ktest_settle() != last;
        last = cpu->current;
    }
    KTEST_EXPECT(switches == 6);
    KTEST_EXPECT(t[0]->own_context.consumed >= arch_counter_frequency() / 500);
    KTEST_EXPECT(t[1]->own_context.consumed >= arch_counter_frequency() / 500);
    ktest_end_task(task);
}

/* ---- work items ---- */

struct job {
    struct work work;
    unsigned runs, more, restart; /* steps done; to be done; of them, those that start it anew */
    bool done;
};

static bool job_step(struct work *work)
{
    struct job *job = container_of(work, struct job, work);

    job->runs++;
    if (job->more > 0) {
        job->more--;
        return true;
    }
    if (job->restart > 0) {
        job->restart--;
        work_start(work);
    }
    job->done = work_done(work);
    return !job->done;
}

KTEST(work_starts_and_starts_again)
{
    struct job job = {.more = 3};

    work_init(&job.work, job_step, PRIORITY_REAP);
    work_start(&job.work);
    work_start(&job.work); /* queued already: nothing more */
    KTEST_EXPECT(job.runs == 0 && arch_cpu_self()->run_queue.count == 1);
    ktest_settle();
    KTEST_EXPECT(job.runs == 4 && job.done && atomic_load(&job.work.state) == WORK_IDLE);
    job.restart = 2;
    work_start(&job.work);
    ktest_settle();
    KTEST_EXPECT(job.runs == 7 && job.done && atomic_load(&job.work.state) == WORK_IDLE);
    KTEST_EXPECT(arch_cpu_self()->run_queue.count == 0 && sched_check(arch_cpu_self()));
}

/* Whatever ran before the kernel, for however long: no CPU has been idle for longer than there has been a kernel. */
KTEST(idle_since_entry)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        ticks_t idle;
        uint32_t runnable;

        sched_cpu_statistics(&cpu_record[i], &idle, &runnable);
        KTEST_EXPECT(idle <= arch_counter() - clock_origin());
    }
}
