/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies and priorities. SCHED_OTHER is the priority that the program's first thread began with; SCHED_FIFO and SCHED_RR have
 * 1 to 99 above it, as far as the task's maximum allows (EPERM). The kernel lets threads of one priority take turns whatever their
 * policy, so that SCHED_FIFO is SCHED_RR to it.
 */
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/thread.h>

enum { KERNEL_MAX = 255, TURN = 10000000 /* ns: the kernel's quantum */ };

static unsigned base_priority(void)
{
    static _Atomic unsigned base;
    struct thread_info info;

    if (base == 0)
        base = thread_info(program_start_info->thread, &info) == KERN_SUCCESS
                   ? info.priority
                   : THREAD_PRIORITY_DEFAULT;
    return base;
}

unsigned posix_priority_of(int policy, int priority)
{
    if (policy == SCHED_OTHER)
        return priority == 0 ? base_priority() : 0;
    if ((policy != SCHED_FIFO && policy != SCHED_RR) || priority < 1 ||
        priority > POSIX_PRIORITY_MAX)
        return 0;
    const unsigned wanted = base_priority() + (unsigned)priority;
    return wanted < KERNEL_MAX ? wanted : KERNEL_MAX;
}

static int error_of(kern_return_t kr)
{
    return kr == KERN_SUCCESS ? 0 : kr == KERN_DENIED ? EPERM : ESRCH;
}

int posix_priority_set(unsigned number)
{
    return error_of(thread_set_priority(posix_self()->port, number));
}

int pthread_getschedparam(pthread_t id, int *policy, struct sched_param *parameters)
{
    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL) {
        *policy = thread->policy;
        parameters->sched_priority = thread->priority;
    }
    mutex_unlock(&posix_threads);
    return thread == NULL ? ESRCH : 0;
}

/* What a priority-protected mutex lends stays as it is until that is unlocked. */
int pthread_setschedparam(pthread_t id, int policy, const struct sched_param *parameters)
{
    const unsigned number = posix_priority_of(policy, parameters->sched_priority);
    int error = ESRCH;

    if (number == 0)
        return EINVAL;
    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL)
        error = error_of(thread_set_priority(thread->port, number));
    if (error == 0) {
        thread->policy = policy;
        thread->priority = parameters->sched_priority;
    }
    mutex_unlock(&posix_threads);
    return error;
}

int pthread_setschedprio(pthread_t id, int priority)
{
    struct sched_param parameters = {.sched_priority = priority};
    struct sched_param now;
    int policy;
    const int error = pthread_getschedparam(id, &policy, &now);

    return error != 0 ? error : pthread_setschedparam(id, policy, &parameters);
}

static _Atomic int concurrency;

/* A thread is one of the kernel's: there is nothing to choose. */
int pthread_getconcurrency(void)
{
    return concurrency;
}

int pthread_setconcurrency(int level)
{
    if (level < 0)
        return EINVAL;
    concurrency = level;
    return 0;
}

int pthread_setname_np(pthread_t id, const char *name)
{
    int error = ESRCH;

    if (strnlen(name, THREAD_NAME_SIZE) == THREAD_NAME_SIZE)
        return ERANGE;
    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL)
        error = error_of(thread_set_name(thread->port, name));
    mutex_unlock(&posix_threads);
    return error;
}

int pthread_getname_np(pthread_t id, char *name, size_t size)
{
    struct thread_info info = {.name = ""};
    int error = ESRCH;

    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread != NULL)
        error = error_of(thread_info(thread->port, &info));
    mutex_unlock(&posix_threads);
    if (error == 0 && strlen(info.name) >= size)
        error = ERANGE;
    if (error == 0)
        strlcpy(name, info.name, size);
    return error;
}

/* ---- processes: only the own one, and of that the calling thread ---- */

static int is_own(pid_t process)
{
    if (process == 0 || process == getpid())
        return 1;
    errno = process < 0 ? EINVAL : ESRCH;
    return 0;
}

static int minus_one(int error)
{
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

int sched_get_priority_max(int policy)
{
    if (policy == SCHED_OTHER)
        return 0;
    return policy == SCHED_FIFO || policy == SCHED_RR ? POSIX_PRIORITY_MAX : minus_one(EINVAL);
}

int sched_get_priority_min(int policy)
{
    if (policy == SCHED_OTHER)
        return 0;
    return policy == SCHED_FIFO || policy == SCHED_RR ? 1 : minus_one(EINVAL);
}

int sched_rr_get_interval(pid_t process, struct timespec *interval)
{
    if (!is_own(process))
        return -1;
    *interval = (struct timespec){.tv_nsec = TURN};
    return 0;
}

int sched_getparam(pid_t process, struct sched_param *parameters)
{
    if (!is_own(process))
        return -1;
    parameters->sched_priority = posix_self()->priority;
    return 0;
}

int sched_getscheduler(pid_t process)
{
    return is_own(process) ? posix_self()->policy : -1;
}

int sched_setscheduler(pid_t process, int policy, const struct sched_param *parameters)
{
    if (!is_own(process))
        return -1;
    const int before = posix_self()->policy;
    const int error = pthread_setschedparam(posix_own.id, policy, parameters);

    return error == 0 ? before : minus_one(error);
}

int sched_setparam(pid_t process, const struct sched_param *parameters)
{
    if (!is_own(process))
        return -1;
    return minus_one(pthread_setschedparam(posix_self()->id, posix_own.policy, parameters));
}

int sched_yield(void)
{
    (void)sys_thread_switch();
    return 0;
}

void pthread_yield(void)
{
    (void)sys_thread_switch();
}
