/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See tasks.h.
 */
#include "tasks.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>

enum { TRIES = 10 /* a walk begins anew when the last one told is gone */ };

static void drop(mach_port_name_t right)
{
    if (right != MSG_NULL && right != MSG_DEAD)
        stub_release_right(right, MSG_MOVE_SEND);
}

/* ---- tasks ---- */

struct walk {
    task_visitor_t *visit;
    void *context;
    uint32_t seen; /* number of the last one visited: they come in order */
    bool ended;
};

static void visit_task(struct walk *walk, mach_port_name_t task)
{
    struct task_info info;

    if (walk->ended || task_info(task, &info) != KERN_SUCCESS || info.id <= walk->seen)
        return;
    walk->seen = info.id;
    walk->ended = !walk->visit(walk->context, task, &info);
}

/* One answer's tasks; the last of them is kept in *after. False: there are no more. */
static bool visit_some(struct walk *walk, const mach_port_name_t *tasks, mach_port_name_t *after)
{
    mach_port_name_t last = MSG_NULL;

    for (unsigned i = 0; i < HOST_TASKS_TASKS_MAX; i++) {
        if (tasks[i] == MSG_NULL)
            continue;
        visit_task(walk, tasks[i]);
        drop(last);
        last = tasks[i];
    }
    drop(*after);
    *after = last;
    return last != MSG_NULL && !walk->ended;
}

void tasks_each(const struct tool *tool, task_visitor_t *visit, void *context)
{
    const mach_port_name_t power = tool_power(tool, "host_tasks");
    struct walk walk = {.visit = visit, .context = context};
    mach_port_name_t t[HOST_TASKS_TASKS_MAX], after = MSG_NULL;

    for (unsigned tries = 0; tries < TRIES;) {
        const kern_return_t kr =
            host_tasks_tasks(power, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
        if (kr == KERN_SUCCESS) {
            if (!visit_some(&walk, t, &after))
                break;
            continue;
        }
        drop(after);
        after = MSG_NULL;
        tries++;
    }
    drop(after);
}

struct search {
    const char *name;
    uint32_t number;
    mach_port_name_t found;
    struct task_info *info;
};

static bool compare(void *context, mach_port_name_t task, const struct task_info *info)
{
    struct search *search = context;

    if (info->id != search->number && strcmp(info->name, search->name) != 0)
        return true;
    if (port_mod_refs(program_start_info->task, task, PORT_RIGHT_SEND, 1) == KERN_SUCCESS)
        search->found = task;
    *search->info = *info;
    return false;
}

mach_port_name_t tasks_find(const struct tool *tool, const char *name, struct task_info *info)
{
    char *end;
    const unsigned long number = strtoul(name, &end, 10);
    struct search search = {
        .name = name,
        .number = *end == '\0' ? (uint32_t)number : 0,
        .info = info,
    };

    tasks_each(tool, compare, &search);
    return search.found;
}

/* ---- threads ---- */

void threads_each(mach_port_name_t task, thread_visitor_t *visit, void *context)
{
    mach_port_name_t t[TASK_THREADS_MAX], after = MSG_NULL;
    struct thread_info info;
    unsigned count;

    do {
        count = 0;
        if (task_threads(task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) !=
            KERN_SUCCESS)
            break;
        drop(after);
        after = MSG_NULL;
        for (unsigned i = 0; i < TASK_THREADS_MAX; i++) {
            if (t[i] == MSG_NULL)
                continue;
            count++;
            if (thread_info(t[i], &info) == KERN_SUCCESS)
                (void)visit(context, t[i], &info);
            drop(after);
            after = t[i];
        }
    } while (count == TASK_THREADS_MAX);
    drop(after);
}

const char *thread_does(const struct thread_info *info)
{
    static const char *const words[] = {
        [THREAD_DOES_SUSPENDED] = "stopped", [THREAD_DOES_READY] = "ready",
        [THREAD_DOES_RUN] = "runs",          [THREAD_DOES_WAIT] = "waits",
        [THREAD_DOES_END] = "ends",
    };

    return info->state < sizeof words / sizeof words[0] ? words[info->state] : "?";
}

const char *thread_waits(const struct thread_info *info)
{
    static const char *const words[] = {
        [THREAD_WAITS_NOT] = "-",           [THREAD_WAITS_FUTEX] = "futex",
        [THREAD_WAITS_RECEIVE] = "message", [THREAD_WAITS_SEND] = "room",
        [THREAD_WAITS_REPLY] = "answer",    [THREAD_WAITS_PAGE] = "page",
    };

    return info->waits < sizeof words / sizeof words[0] && words[info->waits] ? words[info->waits]
                                                                              : "?";
}
