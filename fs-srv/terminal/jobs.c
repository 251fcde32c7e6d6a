/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Job control: the session that the terminal controls, its foreground group, and signals to that (terminal.h).
 *
 * J1 The process server is asked by a thread of its own, through a queue: it may be slow, or being started anew, and the terminal goes on. What does not find
 *    room in the queue is not sent: SIGNALS_MAX keys wait there already.
 * J2 Facts that a caller waits for (is this group of the session?) are asked at once, with a deadline; without an answer the caller is believed: he has the
 *    right to the terminal.
 * J3 What is typed behind a key that sends a signal is taken when the signal has been sent, or after PATIENCE: who is interrupted does not get to read it.
 */
#include "terminal.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <signal.h>
#include <wharf/if/port.h>
#include <wharf/if/processes.h>
#include <wharf/if/service.h>
#include <wharf/if/tty_events.h>
#include <wharf/unix_error.h>

enum { SIGNALS_MAX = 64 };
#define PATIENCE UINT64_C(500000000) /* J2, J3 */

struct job_signal {
    int32_t session, group;
    uint32_t number;
};

static struct {
    struct mutex lock; /* guards the queue */
    struct condition filled;
    struct job_signal signal[SIGNALS_MAX];
    unsigned first, count;
    bool sends;                 /* one that has been taken from the queue */
    mach_port_name_t processes; /* send right; 0: there is no process server. Constant */
    mach_port_name_t told; /* send right: the terminal looks whether input may go on. Constant */
    struct thread thread;
} jobs;

/* ---- the second thread ---- */

static struct job_signal take(void)
{
    mutex_lock(&jobs.lock);
    while (jobs.count == 0)
        (void)condition_wait(&jobs.filled, &jobs.lock, UINT64_MAX);
    const struct job_signal next = jobs.signal[jobs.first];
    jobs.first = (jobs.first + 1) % SIGNALS_MAX;
    jobs.count--;
    jobs.sends = true;
    mutex_unlock(&jobs.lock);
    return next;
}

/* If it is not told, it looks in time. */
static void end_sending(void)
{
    mutex_lock(&jobs.lock);
    jobs.sends = false;
    mutex_unlock(&jobs.lock);
    (void)!tty_events_ready_until(jobs.told, 0, 0);
}

bool jobs_are_done(void)
{
    mutex_lock(&jobs.lock);
    const bool done = jobs.count == 0 && !jobs.sends;
    mutex_unlock(&jobs.lock);
    return done;
}

static void send_signals(void *argument)
{
    (void)argument;
    for (;;) {
        const struct job_signal next = take();
        kern_return_t kr;
        do
            kr = processes_signal_group(jobs.processes, next.session, next.group, next.number);
        while (kr == MIG_SERVER_DIED);
        end_sending();
    }
}

/* True: it will be sent. */
static bool queue_signal(uint32_t number)
{
    if (terminal.session == 0 || terminal.foreground == 0 || jobs.processes == MSG_NULL)
        return false;
    mutex_lock(&jobs.lock);
    const bool room = jobs.count < SIGNALS_MAX;
    if (room) {
        jobs.signal[(jobs.first + jobs.count++) % SIGNALS_MAX] = (struct job_signal){
            .session = (int32_t)terminal.session,
            .group = (int32_t)terminal.foreground,
            .number = number,
        };
        terminal.signals++;
        condition_signal(&jobs.filled, &jobs.lock);
    }
    mutex_unlock(&jobs.lock);
    return room;
}

void jobs_begin(void)
{
    const char *name = driver_argument(&terminal.driver, "processes");

    if (!name || driver_look_up(&terminal.driver, name, &jobs.processes) != KERN_SUCCESS)
        return;
    if (port_insert_made_send(program_start_info->task, terminal.tty.notify, terminal.tty.notify,
                              &jobs.told) != KERN_SUCCESS ||
        thread_start(&jobs.thread, send_signals, NULL, THREAD_PRIORITY_DEFAULT) != KERN_SUCCESS)
        driver_fail(&terminal.driver, "there is no memory for its thread");
}

/* ---- keys ---- */

void jobs_signal(void *context, enum line_signal signal)
{
    static const uint32_t numbers[] = {
        [LINE_INTERRUPT] = SIGINT,
        [LINE_QUIT] = SIGQUIT,
        [LINE_SUSPEND] = SIGTSTP,
        [LINE_RESIZED] = SIGWINCH,
    };

    (void)context;
    if (queue_signal(numbers[signal]) && signal != LINE_RESIZED)
        terminal.line.put_off = kernel_clock_now() + PATIENCE;
}

/* ---- sessions ---- */

bool jobs_is_background(uint32_t group)
{
    return terminal.session != 0 && terminal.foreground != 0 && group != terminal.foreground;
}

/* The session of a group; -1: nobody could say; 0: there is no such group. */
static int32_t session_of(uint32_t group)
{
    int32_t session;
    bool leads;

    if (jobs.processes == MSG_NULL)
        return -1;
    const kern_return_t kr =
        processes_group_session_until(jobs.processes, (int32_t)group, (int32_t)group, &session,
                                      &leads, kernel_clock_now() + PATIENCE);
    if (kr == KERN_SUCCESS)
        return session;
    return kr == unix_error(ESRCH) ? 0 : -1;
}

/* A session whose leader's group is gone has left the terminal without a word. */
kern_return_t jobs_set_session(uint32_t session, uint32_t group)
{
    if (session == 0 || group == 0)
        return unix_error(EINVAL);
    if (terminal.session != 0 && terminal.session != session && session_of(terminal.session) != 0)
        return unix_error(EPERM);
    terminal.session = session;
    terminal.foreground = group;
    opens_try_again();
    return KERN_SUCCESS;
}

kern_return_t jobs_leave_session(uint32_t session)
{
    if (session == 0 || terminal.session != session)
        return unix_error(EPERM);
    (void)queue_signal(SIGHUP);
    (void)queue_signal(SIGCONT);
    terminal.session = terminal.foreground = 0;
    return KERN_SUCCESS;
}

kern_return_t jobs_set_group(uint32_t group)
{
    if (terminal.session == 0)
        return unix_error(ENOTTY);
    if (group == 0 || group > INT32_MAX)
        return unix_error(EINVAL);
    const int32_t session = session_of(group);
    if (session >= 0 && (uint32_t)session != terminal.session)
        return unix_error(EPERM);
    if (terminal.foreground != group) {
        terminal.foreground = group;
        opens_try_again();
    }
    return KERN_SUCCESS;
}
