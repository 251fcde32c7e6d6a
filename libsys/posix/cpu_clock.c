/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks that count what threads have used of CPUs. That of the process is the sum of its threads, those that are gone included; it never
 * goes back.
 */
#include "atfork.h"
#include "clock_impl.h"
#include "pthread_impl.h"
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <unistd.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>

static int time_of_thread(uint32_t port, uint64_t *nanoseconds)
{
    struct thread_info info;

    if (thread_info(port, &info) != KERN_SUCCESS)
        return EINVAL;
    *nanoseconds = info.cpu_time;
    return 0;
}

/* The sum over one answer's threads, whose rights are given back but for that to the last, which says where to go on. */
static mach_port_name_t add_some(const mach_port_name_t *threads, uint64_t *sum)
{
    mach_port_name_t last = MSG_NULL;

    for (unsigned i = 0; i < TASK_THREADS_MAX && threads[i] != MSG_NULL; i++) {
        uint64_t nanoseconds = 0;

        (void)time_of_thread(threads[i], &nanoseconds);
        *sum += nanoseconds;
        if (last != MSG_NULL)
            stub_release_right(last, MSG_MOVE_SEND);
        last = threads[i];
    }
    if (last != MSG_NULL && threads[TASK_THREADS_MAX - 1] == MSG_NULL) {
        stub_release_right(last, MSG_MOVE_SEND);
        last = MSG_NULL;
    }
    return last;
}

/* The threads that are there. */
static uint64_t time_of_threads(mach_port_name_t task)
{
    mach_port_name_t after = MSG_NULL, t[TASK_THREADS_MAX];
    uint64_t sum = 0;

    do {
        const kern_return_t kr =
            task_threads(task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);

        if (after != MSG_NULL)
            stub_release_right(after, MSG_MOVE_SEND);
        after = kr == KERN_SUCCESS ? add_some(t, &sum) : MSG_NULL;
    } while (after != MSG_NULL);
    return sum;
}

static _Atomic uint64_t most; /* that has been told of this process */

void posix_cpu_clock_fork_child(void)
{
    most = 0;
}

static int time_of_process(uint64_t *nanoseconds)
{
    const mach_port_name_t task = program_start_info->task;
    struct task_info before, after;
    uint64_t sum;

    if (task_info(task, &after) != KERN_SUCCESS)
        return EINVAL;
    /* A thread that goes in the midst would be in neither. */
    do {
        before = after;
        sum = before.ended_time + time_of_threads(task);
        if (task_info(task, &after) != KERN_SUCCESS)
            return EINVAL;
    } while (before.ended_time != after.ended_time);
    uint64_t seen = most;
    while (seen < sum && !atomic_compare_exchange_weak(&most, &seen, sum))
        ;
    *nanoseconds = seen > sum ? seen : sum;
    return 0;
}

static int time_of_number(pthread_t id, uint64_t *nanoseconds)
{
    int error = EINVAL;

    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL)
        error = time_of_thread(thread->port, nanoseconds);
    mutex_unlock(&posix_threads);
    return error;
}

int cpu_clock_now(clockid_t clock, uint64_t *nanoseconds)
{
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        return time_of_process(nanoseconds);
    if (clock == CLOCK_THREAD_CPUTIME_ID) {
        const int64_t self = sys_thread_self();
        return self > 0 ? time_of_thread((uint32_t)self, nanoseconds) : EINVAL;
    }
    if ((clock & CLOCK_OF_THREAD_MASK) == CLOCK_OF_THREAD)
        return time_of_number((pthread_t)clock >> CLOCK_OF_THREAD_SHIFT, nanoseconds);
    return EINVAL;
}

int clock_getcpuclockid(pid_t process, clockid_t *clock)
{
    if (process != 0 && process != getpid())
        return process < 0 ? EINVAL : ESRCH;
    *clock = CLOCK_PROCESS_CPUTIME_ID;
    return 0;
}

int pthread_getcpuclockid(pthread_t id, clockid_t *clock)
{
    mutex_lock(&posix_threads);
    const bool there = posix_table_find(id) != NULL;
    mutex_unlock(&posix_threads);
    *clock = (clockid_t)id << CLOCK_OF_THREAD_SHIFT | CLOCK_OF_THREAD;
    return there ? 0 : ESRCH;
}
