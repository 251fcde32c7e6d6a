/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What anybody asks of processes: interfaces/processes.defs.
 */
#include "crash.h"
#include "effects.h"
#include "server.h"
#include "signals.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/unix_error.h>

static void drop(mach_port_name_t right)
{
    if (right != MSG_NULL && right != MSG_DEAD)
        stub_release_right(right, MSG_MOVE_SEND);
}

static kern_return_t adopt(struct server_message *message, mach_port_name_t task, const char *name,
                           int32_t *pid, mach_port_name_t *port)
{
    (void)message;
    if (tasks_find(task) != NULL)
        return unix_error(EEXIST);
    if (!tasks_is_task(task))
        return unix_error(EINVAL);
    struct process *p = table_add(NULL, name);
    if (p == NULL)
        return unix_error(EAGAIN);
    p->started = kernel_clock_now();
    kern_return_t kr =
        exception_ports_set(task, EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_RIGHTS,
                            EXCEPTION_ALL, tasks_exception_send);
    if (kr == KERN_SUCCESS)
        kr = tasks_make_port(p);
    if (kr == KERN_SUCCESS)
        kr = tasks_bind(p, task);
    if (kr == KERN_SUCCESS)
        kr = tasks_send_right(p, port);
    if (kr == KERN_SUCCESS) {
        *pid = p->pid;
        return KERN_SUCCESS;
    }
    if (p->task != MSG_NULL)
        tasks_unbind(p); /* the right is the message's */
    tasks_release(p);
    table_drop(p);
    return unix_error(EAGAIN);
}

static kern_return_t list(struct server_message *message, int32_t after, int32_t *pids,
                          uint32_t *count)
{
    (void)message;
    uint32_t n = 0;
    for (const struct process *p = table_after(after); p != NULL && n < PROCESSES_PIDS_MAX;
         p = table_after(p->pid))
        pids[n++] = p->pid;
    *count = n;
    return KERN_SUCCESS;
}

static kern_return_t info(struct server_message *message, int32_t pid, struct processes_info *out)
{
    (void)message;
    const struct process *p = table_find(pid);
    if (p == NULL)
        return unix_error(ESRCH);
    *out = (struct processes_info){
        .pid = p->pid,
        .ppid = p->parent != NULL ? p->parent->pid : INIT_PID,
        .pgid = p->pgid,
        .sid = p->sid,
        .state = p->state == PROCESS_RUNNING   ? PROCESSES_STATE_RUNNING
                 : p->state == PROCESS_STOPPED ? PROCESSES_STATE_STOPPED
                                               : PROCESSES_STATE_ZOMBIE,
        .started = p->started,
        .children_time = p->children_time,
        .pending = p->pending,
        .ignored = p->ignored,
        .caught = p->mine,
    };
    memcpy(out->name, p->name, sizeof(out->name));
    return KERN_SUCCESS;
}

static const struct process *with_task(int32_t pid)
{
    const struct process *p = table_find(pid);
    return p != NULL && p->task != MSG_NULL && !p->leaving ? p : NULL;
}

static kern_return_t about_task(struct server_message *message, int32_t pid, struct task_info *out)
{
    (void)message;
    const struct process *p = with_task(pid);
    return p != NULL && task_info(p->task, out) == KERN_SUCCESS ? KERN_SUCCESS : unix_error(ESRCH);
}

static kern_return_t threads(struct server_message *message, int32_t pid, uint32_t index,
                             struct thread_info *out, uint32_t *count)
{
    (void)message;
    const struct process *p = with_task(pid);
    mach_port_name_t after = MSG_NULL;
    *count = 0;
    if (p == NULL)
        return unix_error(ESRCH);
    for (uint32_t at = 0, n = TASK_THREADS_MAX; n == TASK_THREADS_MAX && *count == 0;
         at += TASK_THREADS_MAX) {
        mach_port_name_t t[TASK_THREADS_MAX];
        if (at > index || task_threads(p->task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5],
                                       &t[6], &t[7]) != KERN_SUCCESS)
            break;
        drop(after);
        after = MSG_NULL;
        for (n = 0; n < TASK_THREADS_MAX && t[n] != MSG_NULL; n++) {
            if (at + n >= index && at <= index && thread_info(t[n], &out[*count]) == KERN_SUCCESS)
                (*count)++;
            if (n + 1 == TASK_THREADS_MAX)
                after = t[n];
            else
                drop(t[n]);
        }
    }
    drop(after);
    return KERN_SUCCESS;
}

static kern_return_t task(struct server_message *message, int32_t pid, mach_port_name_t *out)
{
    const struct process *p = with_task(pid);
    if (message->received.local != SERVER_PAYLOAD_INSPECT)
        return unix_error(EPERM);
    if (p == NULL ||
        port_mod_refs(program_start_info->task, p->task, PORT_RIGHT_SEND, 1) != KERN_SUCCESS)
        return unix_error(ESRCH);
    *out = p->task;
    return KERN_SUCCESS;
}

static kern_return_t signal_group(struct server_message *message, int32_t session, int32_t group,
                                  uint32_t number)
{
    (void)message;
    const struct process_signal signal = {.number = number};
    const int error = signals_group(session, group, &signal);
    return error == 0 ? KERN_SUCCESS : unix_error(error);
}

static kern_return_t group_session(struct server_message *message, int32_t group, int32_t pid,
                                   int32_t *session, bool *leads)
{
    (void)message;
    *session = group > 0 ? table_group_session(group) : -1;
    *leads = *session > 0 && *session == pid;
    return *session < 0 ? unix_error(ESRCH) : KERN_SUCCESS;
}

static kern_return_t tick(struct server_message *message, uint64_t payload, uint64_t moment,
                          uint64_t count)
{
    (void)message, (void)payload, (void)moment, (void)count;
    tasks_alarms();
    return KERN_SUCCESS;
}

static kern_return_t reported(struct server_message *message, uint64_t process)
{
    if (message->received.local == SERVER_PAYLOAD_EXCEPTIONS)
        crash_reported(process);
    return KERN_SUCCESS;
}

const struct processes_ops processes_calls = {
    .adopt = adopt,
    .list = list,
    .info = info,
    .task_info = about_task,
    .threads = threads,
    .task = task,
    .signal_group = signal_group,
    .group_session = group_session,
    .tick = tick,
    .reported = reported,
};
