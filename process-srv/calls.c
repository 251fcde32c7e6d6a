/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process asks at its port: interfaces/process.defs.
 */
#include "effects.h"
#include "server.h"
#include "signals.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/unix_error.h>

static const kern_return_t gone = UNIX_ERROR_BASE + ESRCH;

static kern_return_t answer(int error)
{
    return error == 0 ? KERN_SUCCESS : unix_error(error);
}

static void drop(mach_port_name_t right)
{
    if (right != MSG_NULL && right != MSG_DEAD)
        stub_release_right(right, MSG_MOVE_SEND);
}

static kern_return_t get_ids(struct server_message *message, struct process_ids *ids)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *ids = (struct process_ids){p->pid, p->parent != NULL ? p->parent->pid : INIT_PID, p->pgid,
                                p->sid};
    return KERN_SUCCESS;
}

/* ---- beginning ---- */

static kern_return_t add_child(struct process *parent, mach_port_name_t theirs, const char *name,
                               struct process **out, uint32_t *port)
{
    mach_port_name_t task;
    kern_return_t kr = tasks_take_new(parent, theirs, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    struct process *p = table_add(parent, name);
    kr = p == NULL ? KERN_LIMIT : tasks_make_port(p);
    if (kr == KERN_SUCCESS)
        kr = tasks_name_port(p, task, port);
    if (kr == KERN_SUCCESS)
        kr = tasks_bind(p, task);
    if (kr != KERN_SUCCESS) {
        drop(task);
        if (p != NULL) {
            tasks_release(p);
            table_drop(p);
        }
        return unix_error(EAGAIN);
    }
    p->started = kernel_clock_now();
    *out = p;
    return KERN_SUCCESS;
}

static kern_return_t fork_process(struct server_message *message, mach_port_name_t task,
                                  int32_t *pid, uint32_t *port)
{
    struct process *parent = process_of(message), *p;
    if (parent == NULL)
        return gone;
    const kern_return_t kr = add_child(parent, task, parent->name, &p, port);
    if (kr != KERN_SUCCESS)
        return kr;
    p->ignored = parent->ignored;
    p->mine = parent->mine;
    p->child_flags = parent->child_flags;
    p->entry = 0; /* until it says so (set_entry), it does not know its own names yet */
    *pid = p->pid;
    return KERN_SUCCESS;
}

static kern_return_t spawn(struct server_message *message, mach_port_name_t task, const char *name,
                           int32_t group, bool session, uint64_t ignored, uint64_t mine,
                           int32_t *pid, uint32_t *port)
{
    struct process *parent = process_of(message), *p;
    if (parent == NULL)
        return gone;
    kern_return_t kr = add_child(parent, task, name, &p, port);
    if (kr != KERN_SUCCESS)
        return kr;
    const int error = session      ? table_new_session(p)
                      : group >= 0 ? table_set_group(parent, p->pid, group)
                                   : 0;
    if (error != 0) {
        tasks_release(p);
        table_drop(p);
        return unix_error(error);
    }
    p->ignored = ignored;
    p->mine = mine;
    p->executed = true;
    *pid = p->pid;
    return KERN_SUCCESS;
}

static kern_return_t prepare_exec(struct server_message *message, mach_port_name_t task,
                                  uint32_t *port)
{
    struct process *p = process_of(message);
    mach_port_name_t right;
    if (p == NULL)
        return gone;
    kern_return_t kr = tasks_take_new(p, task, &right);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = tasks_name_port(p, right, port);
    drop(right);
    return kr == KERN_SUCCESS ? KERN_SUCCESS : unix_error(EAGAIN);
}

/* The old task ends when the new one is bound: a dead name of the old one is nobody's then. */
static kern_return_t exec(struct server_message *message, mach_port_name_t their_task,
                          mach_port_name_t their_thread, const char *name, uint64_t mine)
{
    struct process *p = process_of(message);
    mach_port_name_t task, thread;
    if (p == NULL)
        return gone;
    kern_return_t kr = tasks_take_program(p, their_task, their_thread, &task, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    const mach_port_name_t old = p->task;
    kr = tasks_rebind(p, task);
    if (kr != KERN_SUCCESS) {
        drop(thread);
        drop(task);
        return unix_error(EAGAIN);
    }
    stop_forget(p);
    p->all_refused = false;
    p->entry = 0;
    p->mine = mine & ~p->ignored;
    p->executed = true;
    p->adopted = false; /* of this task the supervisor knows nothing */
    strncpy(p->name, name, sizeof(p->name) - 1);
    if (p->state == PROCESS_STOPPED) /* since it asked */
        effect_suspend(p);
    (void)!task_terminate(old, 0); /* its time is nobody's */
    drop(old);
    if (thread_resume(thread) != KERN_SUCCESS)
        (void)!task_terminate(task, 0);
    drop(thread);
    return KERN_SUCCESS;
}

/* ---- the end ---- */

/* The caller's task has been ended: the reply goes when the next message is received. */
static kern_return_t exit_process(struct server_message *message, int32_t status)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    const bool ends_itself = p->adopted;
    effect_end(p, 0);
    signals_end(p, (status & 0xff) << 8);
    return ends_itself ? KERN_SUCCESS : MIG_NO_REPLY;
}

static kern_return_t die(struct server_message *message, uint32_t signal)
{
    struct process *p = process_of(message);
    if (p == NULL || signal == 0 || signal > PROCESS_SIGNALS)
        return gone;
    signals_dispose(p, signal_bit(signal), PROCESS_DISPOSITION_DEFAULT, 0);
    /* It may have been stopped since it asked: then it waits for its end, and nothing else would come. */
    if (p->state != PROCESS_RUNNING && p->state != PROCESS_STOPPED)
        return KERN_SUCCESS;
    effect_end(p, signal);
    signals_end(p, (int32_t)(signal | (signals_leave_core(signal) ? 0x80u : 0u)));
    return KERN_SUCCESS;
}

/* ---- children ---- */

static kern_return_t reap(struct server_message *message, int32_t pid, uint32_t options,
                          struct process_change *change)
{
    struct process *p = process_of(message);
    int error;
    if (p == NULL)
        return gone;
    (void)signals_reap(p, pid, options, change, &error);
    return answer(error);
}

static kern_return_t wait_child(struct server_message *message, int32_t pid, uint32_t options,
                                uint64_t token)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (signals_news(p, pid, options))
        return KERN_SUCCESS;
    struct waiter *place = NULL;
    for (unsigned i = 0; i < WAITERS; i++) {
        struct waiter *w = &p->waiter[i];
        if (w->reply != MSG_NULL && w->token == token) {
            if (process_reply_wait_child(w->reply, unix_error(EINTR)) != KERN_SUCCESS)
                stub_release_right(w->reply, MSG_MOVE_SEND_ONCE);
            w->reply = MSG_NULL;
        }
        if (w->reply == MSG_NULL && place == NULL)
            place = w;
    }
    if (place == NULL)
        return unix_error(EAGAIN);
    if (server_keep_reply(message) != KERN_SUCCESS)
        return unix_error(EAGAIN);
    *place = (struct waiter){message->reply, token, pid, options};
    return MIG_NO_REPLY;
}

/* ---- groups ---- */

static kern_return_t set_group(struct server_message *message, int32_t pid, int32_t group)
{
    struct process *p = process_of(message);
    return p == NULL ? gone : answer(table_set_group(p, pid, group));
}

static struct process *named(struct server_message *message, int32_t pid)
{
    struct process *p = process_of(message);
    return p != NULL && pid != 0 ? table_find(pid) : p;
}

static kern_return_t get_group(struct server_message *message, int32_t pid, int32_t *group)
{
    const struct process *p = named(message, pid);
    if (p == NULL)
        return gone;
    *group = p->pgid;
    return KERN_SUCCESS;
}

static kern_return_t get_session(struct server_message *message, int32_t pid, int32_t *session)
{
    const struct process *p = named(message, pid);
    if (p == NULL)
        return gone;
    *session = p->sid;
    return KERN_SUCCESS;
}

static kern_return_t orphaned(struct server_message *message, bool *is)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *is = table_orphaned(p->pgid, p->sid);
    return KERN_SUCCESS;
}

static kern_return_t new_session(struct server_message *message, int32_t *session)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *session = p->pid;
    return answer(table_new_session(p));
}

/* ---- signals ---- */

static struct process_signal from(const struct process *p, uint32_t number, int32_t code,
                                  uint64_t value)
{
    return (struct process_signal){.number = number, .code = code, .pid = p->pid, .value = value};
}

static kern_return_t kill_processes(struct server_message *message, int32_t pid, uint32_t number,
                                    int32_t code, uint64_t value)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    const struct process_signal signal = from(p, number, code, value);
    return answer(signals_kill(p, pid, &signal));
}

static kern_return_t kill_thread(struct server_message *message, mach_port_name_t thread,
                                 uint32_t number, int32_t code, uint64_t value)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (number > PROCESS_SIGNALS)
        return unix_error(EINVAL);
    if (!tasks_has_thread(p->task, thread))
        return unix_error(ESRCH);
    const struct process_signal signal = from(p, number, code, value);
    const int error = number == 0 ? 0 : signals_send(p, &signal, thread);
    if (error == 0)
        drop(thread);
    return answer(error);
}

static kern_return_t set_disposition(struct server_message *message, uint64_t signals,
                                     uint32_t disposition, uint32_t flags)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (disposition > PROCESS_DISPOSITION_MINE)
        return unix_error(EINVAL);
    signals_dispose(p, signals, disposition, flags);
    return KERN_SUCCESS;
}

static kern_return_t set_entry(struct server_message *message, uint64_t entry)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (entry % 4 != 0)
        return unix_error(EINVAL);
    p->entry = entry;
    p->all_refused = false;
    stop_look(p);
    return KERN_SUCCESS;
}

static kern_return_t take(struct server_message *message, mach_port_name_t thread, uint64_t blocked,
                          uint32_t number, struct process_signal *signal)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (thread == MSG_NULL || thread == MSG_DEAD || (number != 0 && !stop_is(p, thread, number)))
        return unix_error(EINVAL);
    *signal = signals_take(p, thread, blocked);
    stop_taken(p, thread, number, signal->number == 0);
    drop(thread);
    return KERN_SUCCESS;
}

static kern_return_t begin(struct server_message *message, mach_port_name_t thread,
                           uint64_t blocked, uint32_t number, struct process_signal *signal,
                           struct thread_state_general *state)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (!stop_is(p, thread, number) || !p->stopped_running)
        return unix_error(EINVAL);
    *state = p->registers;
    const kern_return_t kr = take(message, thread, blocked, number, signal);
    signal->interrupted = 1;
    return kr;
}

static kern_return_t resume(struct server_message *message, mach_port_name_t thread,
                            const struct thread_state_general *state)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (!tasks_has_thread(p->task, thread))
        return unix_error(EINVAL);
    stop_resume(p, thread, state);
    drop(thread);
    return KERN_SUCCESS;
}

static kern_return_t pending(struct server_message *message, mach_port_name_t thread,
                             uint64_t *signals)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *signals = signals_pending(p, thread);
    drop(thread);
    return KERN_SUCCESS;
}

static kern_return_t stop(struct server_message *message, uint32_t signal)
{
    struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (signal == 0 || signal > PROCESS_SIGNALS)
        return unix_error(EINVAL);
    signals_stop(p, signal);
    return KERN_SUCCESS;
}

/* ---- timers ---- */

static kern_return_t get_timer(struct server_message *message, uint32_t which, uint64_t *first,
                               uint64_t *interval)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    if (which != PROCESS_WHICH_TIMER_REAL)
        return unix_error(EINVAL);
    const uint64_t now = kernel_clock_now();
    *first = p->alarm == 0 ? 0 : p->alarm > now ? p->alarm - now : 1;
    *interval = p->alarm_interval;
    return KERN_SUCCESS;
}

static kern_return_t set_timer(struct server_message *message, uint32_t which, uint64_t first,
                               uint64_t interval, uint64_t *old_first, uint64_t *old_interval)
{
    enum { INTERVAL_MIN = 100000 }; /* what is shorter is that long */
    const kern_return_t kr = get_timer(message, which, old_first, old_interval);
    if (kr != KERN_SUCCESS)
        return kr;
    struct process *p = process_of(message);
    const uint64_t now = kernel_clock_now();
    if (first > UINT64_MAX / 2 || interval > UINT64_MAX / 4)
        return unix_error(EINVAL);
    if (interval != 0 && interval < INTERVAL_MIN)
        interval = INTERVAL_MIN;
    tasks_set_alarm(p, first != 0 ? now + first : 0, first != 0 ? interval : 0);
    return KERN_SUCCESS;
}

static kern_return_t limits(struct server_message *message, uint32_t *processes,
                            uint32_t *processes_max)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *processes = table_account_size(p);
    *processes_max = SESSION_MAX;
    return KERN_SUCCESS;
}

static kern_return_t times(struct server_message *message, uint64_t *children_time)
{
    const struct process *p = process_of(message);
    if (p == NULL)
        return gone;
    *children_time = p->children_time;
    return KERN_SUCCESS;
}

const struct process_ops process_calls = {
    .times = times,
    .get_ids = get_ids,
    .fork = fork_process,
    .spawn = spawn,
    .exec = exec,
    .prepare_exec = prepare_exec,
    .exit = exit_process,
    .die = die,
    .reap = reap,
    .wait_child = wait_child,
    .set_group = set_group,
    .get_group = get_group,
    .get_session = get_session,
    .new_session = new_session,
    .orphaned = orphaned,
    .kill = kill_processes,
    .kill_thread = kill_thread,
    .set_disposition = set_disposition,
    .set_entry = set_entry,
    .take = take,
    .begin = begin,
    .resume = resume,
    .pending = pending,
    .stop = stop,
    .set_timer = set_timer,
    .get_timer = get_timer,
    .limits = limits,
};
