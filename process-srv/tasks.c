/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and ports of processes, their ends, and alarms. See server.h, effects.h.
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
#include <wharf/if/clock.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/timer.h>
#include <wharf/info.h>
#include <wharf/unix_error.h>

enum { TASKS = 1024, AGAIN_NANOSECONDS = 1000000, STATUS_SIGNAL = 128 };

mach_port_name_t tasks_exceptions, tasks_exception_send, tasks_set;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static void drop_right(mach_port_name_t *name)
{
    if (*name != MSG_NULL && *name != MSG_DEAD)
        stub_release_right(*name, MSG_MOVE_SEND);
    *name = MSG_NULL;
}

/* ---- who has which task ---- */

static struct process *by_task[TASKS]; /* open addressing over names; removed ones leave no hole */

static unsigned place_of(mach_port_name_t task)
{
    return (unsigned)((task * UINT32_C(2654435761)) >> 22) % TASKS;
}

struct process *tasks_find(mach_port_name_t task)
{
    for (unsigned i = place_of(task); by_task[i] != NULL; i = (i + 1) % TASKS)
        if (by_task[i]->task == task)
            return by_task[i];
    return NULL;
}

static void insert(struct process *p)
{
    unsigned i = place_of(p->task);
    while (by_task[i] != NULL)
        i = (i + 1) % TASKS;
    by_task[i] = p;
}

static void remove_task(struct process *p)
{
    unsigned i = place_of(p->task);
    while (by_task[i] != NULL && by_task[i] != p)
        i = (i + 1) % TASKS;
    if (by_task[i] == NULL)
        return;
    by_task[i] = NULL;
    for (unsigned j = (i + 1) % TASKS; by_task[j] != NULL; j = (j + 1) % TASKS) {
        struct process *moved = by_task[j];
        by_task[j] = NULL;
        insert(moved);
    }
}

/* ---- what processes pass off as tasks and threads ---- */

static void drop_all(mach_port_name_t right[TASK_THREADS_MAX])
{
    for (unsigned i = 0; i < TASK_THREADS_MAX; i++)
        drop_right(&right[i]);
}

bool tasks_is_task(mach_port_name_t task)
{
    uint32_t kind;
    return port_kobject(self(), task, &kind) == KERN_SUCCESS && kind == PORT_KOBJECT_TASK;
}

static kern_return_t take(const struct process *p, mach_port_name_t theirs, mach_port_name_t *right,
                          uint32_t *kind)
{
    const kern_return_t kr = port_fetch_send(self(), p->task, theirs, right, kind);
    if (kr == KERN_SUCCESS)
        return KERN_SUCCESS;
    const bool full = kr == KERN_NO_SPACE || kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE;
    return unix_error(full ? EAGAIN : EINVAL); /* with the server, or with the name */
}

kern_return_t tasks_take(const struct process *p, mach_port_name_t theirs, mach_port_name_t *right)
{
    uint32_t kind;
    return take(p, theirs, right, &kind);
}

bool tasks_has_thread(mach_port_name_t task, mach_port_name_t thread)
{
    mach_port_name_t t[TASK_THREADS_MAX] = {MSG_NULL};
    if (thread == MSG_NULL || thread == MSG_DEAD)
        return false;
    const kern_return_t kr =
        task_threads(task, thread, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    if (kr == KERN_SUCCESS)
        drop_all(t);
    return kr == KERN_SUCCESS;
}

/* A right to a task that is nobody's yet, by its maker's name for it. */
kern_return_t tasks_take_new(const struct process *maker, mach_port_name_t theirs,
                             mach_port_name_t *task)
{
    uint32_t kind;
    const kern_return_t kr = take(maker, theirs, task, &kind);
    if (kr != KERN_SUCCESS)
        return kr;
    if (tasks_find(*task) == NULL && kind == PORT_KOBJECT_TASK)
        return KERN_SUCCESS;
    drop_right(task);
    return unix_error(EINVAL);
}

kern_return_t tasks_take_program(struct process *p, mach_port_name_t their_task,
                                 mach_port_name_t their_thread, mach_port_name_t *task,
                                 mach_port_name_t *thread)
{
    kern_return_t kr = tasks_take_new(p, their_task, task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = tasks_take(p, their_thread, thread);
    if (kr == KERN_SUCCESS && !tasks_has_thread(*task, *thread)) {
        drop_right(thread);
        kr = unix_error(EINVAL);
    }
    if (kr != KERN_SUCCESS)
        drop_right(task);
    return kr;
}

/* ---- ports ---- */

struct process *process_of(const struct server_message *message)
{
    const uint64_t payload = message->received.local;
    struct process *p = table_slot((unsigned)(payload & 0xffffffff));
    return p != NULL && p->slot_generation == payload >> 32 && p->state != PROCESS_ZOMBIE ? p
                                                                                          : NULL;
}

kern_return_t tasks_make_port(struct process *p)
{
    return port_construct(self(), (uint64_t)p->slot_generation << 32 | table_slot_of(p), tasks_set,
                          &p->port);
}

kern_return_t tasks_name_port(const struct process *p, mach_port_name_t task, uint32_t *name)
{
    return port_give_made_send(self(), p->port, task, name);
}

kern_return_t tasks_bind(struct process *p, mach_port_name_t task)
{
    const kern_return_t kr = port_watch(self(), task, tasks_exceptions);
    if (kr != KERN_SUCCESS)
        return kr;
    p->task = task;
    insert(p);
    return KERN_SUCCESS;
}

/* That it is watched ends with the name. */
void tasks_unbind(struct process *p)
{
    remove_task(p);
    p->task = MSG_NULL;
}

kern_return_t tasks_rebind(struct process *p, mach_port_name_t task)
{
    remove_task(p);
    const kern_return_t kr = tasks_bind(p, task);
    if (kr != KERN_SUCCESS)
        insert(p);
    return kr;
}

kern_return_t tasks_send_right(const struct process *p, mach_port_name_t *right)
{
    return port_insert_made_send(self(), 0, p->port, right);
}

/* All of what it has here but its task. */
static void release_rest(struct process *p)
{
    stop_forget(p);
    drop_right(&p->exec_task);
    if (p->port != MSG_NULL)
        stub_release_right(p->port, MSG_MOVE_RECEIVE);
    p->port = MSG_NULL;
    for (unsigned i = 0; i < WAITERS; i++) {
        if (p->waiter[i].reply != MSG_NULL)
            stub_release_right(p->waiter[i].reply, MSG_MOVE_SEND_ONCE);
        p->waiter[i].reply = MSG_NULL;
    }
    p->alarm = p->alarm_interval = 0;
}

void tasks_release(struct process *p)
{
    release_rest(p);
    if (p->task != MSG_NULL) {
        remove_task(p);
        drop_right(&p->task);
    }
}

/* If it did not say so before: as by SIGKILL. */
void tasks_died(mach_port_name_t task)
{
    struct process *p = tasks_find(task);
    if (p == NULL) {
        stop_died(task); /* it may be a thread's */
        (void)!port_deallocate(self(), task);
        return;
    }
    release_rest(p);
    tasks_unbind(p);
    (void)!port_mod_refs(self(), task, PORT_RIGHT_DEAD, -2); /* p's, and the notification's */
    if (p->leaving)
        signals_left(p);
    else
        signals_end(p, SIGNAL_KILL);
}

/* ---- effects ---- */

/* Of the threads behind so many, one by one. */
static uint64_t time_of_others(const struct process *p, unsigned skip)
{
    mach_port_name_t t[TASK_THREADS_MAX], after = MSG_NULL;
    uint64_t sum = 0;
    unsigned seen = 0;
    do {
        struct thread_info thread;
        if (task_threads(p->task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) !=
            KERN_SUCCESS)
            break;
        drop_right(&after);
        for (unsigned i = 0; i < TASK_THREADS_MAX; i++) {
            if (t[i] != MSG_NULL && seen++ >= skip && thread_info(t[i], &thread) == KERN_SUCCESS)
                sum += thread.cpu_time;
            if (i + 1 < TASK_THREADS_MAX)
                drop_right(&t[i]);
        }
        after = t[TASK_THREADS_MAX - 1];
    } while (after != MSG_NULL);
    drop_right(&after);
    return sum;
}

/* Of a task that died without telling nothing is known any more. */
static uint64_t cpu_time(const struct process *p)
{
    uint64_t time;
    uint32_t left;
    if (task_cpu_time(p->task, &time, &left) != KERN_SUCCESS)
        return 0;
    return left == 0 ? time : time + time_of_others(p, TASK_TIMED_MAX);
}

void effect_end(struct process *p, uint32_t signal)
{
    p->cpu_time = p->task != MSG_NULL && p->parent != NULL ? cpu_time(p) : 0;
    if (p->task != MSG_NULL && !(p->adopted && signal == 0))
        (void)!task_terminate(p->task, signal != 0 ? STATUS_SIGNAL + signal : 0);
    p->leaving = p->task != MSG_NULL && p->parent != NULL;
    if (p->leaving)
        release_rest(p); /* the task's death is told: tasks_died() */
    else
        tasks_release(p);
}

void effect_suspend(struct process *p)
{
    (void)!task_suspend(p->task);
}

void effect_resume(struct process *p)
{
    (void)!task_resume(p->task);
}

void effect_look(struct process *p)
{
    stop_look(p);
}

void effect_news(struct process *p)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        struct waiter *w = &p->waiter[i];
        if (w->reply == MSG_NULL || !signals_news(p, w->pid, w->options))
            continue;
        if (process_reply_wait_child(w->reply, KERN_SUCCESS) != KERN_SUCCESS)
            stub_release_right(w->reply, MSG_MOVE_SEND_ONCE);
        w->reply = MSG_NULL;
    }
}

bool effect_keep_thread(mach_port_name_t thread)
{
    return port_mod_refs(self(), thread, PORT_RIGHT_SEND, 1) == KERN_SUCCESS;
}

void effect_drop_thread(mach_port_name_t thread)
{
    stub_release_right(thread, MSG_MOVE_SEND);
}

/* ---- alarms ---- */

static mach_port_name_t timer;
static uint64_t armed; /* 0: it is not */

/* At once, not when it is first needed: what the server has does not depend on what it is asked. */
kern_return_t tasks_begin(void)
{
    return clock_create_timer(program_start_info->clock, &timer);
}

static void arm(uint64_t moment)
{
    if (armed != 0 && armed <= moment)
        return;
    if (timer_arm_once(timer, moment, 0, PROCESSES_ID_TICK, tasks_exceptions) == KERN_SUCCESS)
        armed = moment;
}

void tasks_set_alarm(struct process *p, uint64_t moment, uint64_t interval)
{
    p->alarm = moment;
    p->alarm_interval = interval;
    if (moment != 0)
        arm(moment);
}

void tasks_again(void)
{
    arm(kernel_clock_now() + AGAIN_NANOSECONDS);
}

void tasks_soon(void)
{
    arm(kernel_clock_now());
}

void tasks_soon_at(uint64_t moment)
{
    arm(moment);
}

static void expire(struct process *p, uint64_t now)
{
    uint64_t next = 0;
    if (p->alarm_interval != 0)
        next =
            p->alarm + (now - p->alarm) / p->alarm_interval * p->alarm_interval + p->alarm_interval;
    p->alarm = next;
    (void)!signals_send(p, &(struct process_signal){.number = SIGNAL_ALRM, .code = 3}, MSG_NULL);
}

void tasks_alarms(void)
{
    const uint64_t now = kernel_clock_now();
    uint64_t next = 0;
    armed = 0;
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        struct process *p = table_slot(i);
        if (p == NULL || p->state == PROCESS_ZOMBIE)
            continue;
        crash_due(p, now, &next);
        if (p->state == PROCESS_FREE || p->state == PROCESS_ZOMBIE)
            continue;
        if (p->again) {
            p->again = false;
            stop_look(p);
        }
        if (p->alarm != 0 && p->alarm <= now)
            expire(p, now);
        if (p->state != PROCESS_FREE && p->alarm != 0 && (next == 0 || p->alarm < next))
            next = p->alarm;
    }
    if (next != 0)
        arm(next);
}

void tasks_reset(void)
{
    memset(by_task, 0, sizeof(by_task));
    timer = MSG_NULL;
    armed = 0;
}
