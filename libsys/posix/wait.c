/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait, waitpid, wait3, wait4, waitid. Looking takes, waiting does not: so a signal may end a wait at any moment.
 */
#include "errors.h"
#include "interruptible.h"
#include "process.h"
#include <errno.h>
#include <libsys/thread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <wharf/if/process.h>

_Static_assert(WNOHANG == PROCESS_NO_HANG && WUNTRACED == PROCESS_UNTRACED &&
                   WCONTINUED == PROCESS_CONTINUED && WEXITED == PROCESS_EXITED &&
                   WNOWAIT == PROCESS_NO_WAIT,
               "options are told as they are");

struct wait {
    mach_port_name_t port;
    pid_t pid;
    uint32_t options;
};

static kern_return_t wait_once(void *argument)
{
    const struct wait *w = argument;
    return process_wait_child(w->port, w->pid, w->options, (uint64_t)thread_current()->id);
}

/* 0: nothing has changed (WNOHANG). */
static int wait_for(pid_t pid, uint32_t options, struct process_change *change)
{
    struct wait w = {process_port(), pid, options};
    if (w.port == MSG_NULL) {
        errno = ECHILD;
        return -1;
    }
    for (;;) { /* mostly it has to wait: that first */
        kern_return_t kr =
            options & PROCESS_NO_HANG ? KERN_SUCCESS : interruptible_call(wait_once, &w);
        if (kr == KERN_SUCCESS)
            kr = process_reap(w.port, pid, options, change);
        if (kr == KERN_SUCCESS && (change->pid != 0 || (options & PROCESS_NO_HANG)))
            return change->pid;
        if (kr != KERN_SUCCESS) {
            errno = posix_errno(kr);
            return -1;
        }
    }
}

static struct timeval time_of(uint64_t nanoseconds)
{
    return (struct timeval){.tv_sec = (time_t)(nanoseconds / 1000000000),
                            .tv_usec = (suseconds_t)(nanoseconds % 1000000000 / 1000)};
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    struct process_change change = {0};
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED)) {
        errno = EINVAL;
        return -1;
    }
    const int got = wait_for(pid, (uint32_t)options | PROCESS_EXITED, &change);
    if (got > 0 && status != NULL)
        *status = change.status;
    if (got > 0 && usage != NULL) {
        memset(usage, 0, sizeof(*usage));
        usage->ru_utime = time_of(change.cpu_time + change.children_time);
    }
    return got;
}

/* libsys/posix/resource.c */
int process_children_usage(struct rusage *usage);

int process_children_usage(struct rusage *usage)
{
    const mach_port_name_t port = process_port_now();
    uint64_t time;
    if (port == MSG_NULL || process_times(port, &time) != KERN_SUCCESS)
        return -1;
    usage->ru_utime = time_of(time);
    return 0;
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
    return wait4(-1, status, options, usage);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return wait4(pid, status, options, NULL);
}

pid_t _wait(int *status)
{
    return wait4(-1, status, 0, NULL);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    const int wanted = WEXITED | WSTOPPED | WCONTINUED;
    struct process_change change = {0};
    if ((options & ~(wanted | WNOHANG | WNOWAIT)) || !(options & wanted) ||
        (type != P_ALL && type != P_PID && type != P_PGID)) {
        errno = EINVAL;
        return -1;
    }
    const pid_t pid = type == P_ALL ? -1 : type == P_PID ? (pid_t)id : id == 0 ? 0 : -(pid_t)id;
    const int got = wait_for(pid, (uint32_t)options, &change);
    if (got < 0)
        return -1;
    memset(info, 0, sizeof(*info));
    if (got > 0) {
        info->si_signo = SIGCHLD;
        info->si_code = change.code;
        info->si_pid = change.pid;
        info->si_status = change.code == CLD_EXITED      ? change.status >> 8
                          : change.code == CLD_STOPPED   ? change.status >> 8
                          : change.code == CLD_CONTINUED ? SIGCONT
                                                         : change.status & 0x7f;
    }
    return 0;
}
