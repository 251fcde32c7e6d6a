/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a parent finds when it asks for its children's changes. See signals.h.
 */
#include "signals.h"
#include <errno.h>

static bool is_meant(const struct process *caller, const struct process *child, int32_t pid)
{
    return pid > 0    ? child->pid == pid
           : pid == 0 ? child->pgid == caller->pgid
           : pid < -1 ? child->pgid == -pid
                      : true;
}

static bool has_news(const struct process *c, uint32_t options)
{
    return (c->state == PROCESS_ZOMBIE && !c->leaving && (options & PROCESS_EXITED)) ||
           (c->state == PROCESS_STOPPED && c->stop_news && (options & PROCESS_UNTRACED)) ||
           (c->state == PROCESS_RUNNING && c->continue_news && (options & PROCESS_CONTINUED));
}

static struct process *find_news(const struct process *p, int32_t pid, uint32_t options, bool *any)
{
    *any = false;
    if (pid == INT32_MIN)
        return NULL;
    for (struct process *c = p->child; c != NULL; c = c->next) {
        if (!is_meant(p, c, pid))
            continue;
        *any = true;
        if (has_news(c, options))
            return c;
    }
    return NULL;
}

bool signals_news(struct process *p, int32_t pid, uint32_t options)
{
    bool any;
    return find_news(p, pid, options, &any) != NULL || !any;
}

static struct process_change change_of(const struct process *c)
{
    struct process_change change = {
        .pid = c->pid,
        .cpu_time = c->cpu_time,
        .children_time = c->children_time,
    };
    if (c->state == PROCESS_RUNNING) {
        change.status = STATUS_CONTINUED;
        change.code = CHILD_CONTINUED;
    } else {
        change.status = c->status;
        change.code = c->state == PROCESS_STOPPED ? CHILD_STOPPED
                      : (c->status & 0x7f) == 0   ? CHILD_EXITED
                      : c->status & STATUS_CORE   ? CHILD_DUMPED
                                                  : CHILD_KILLED;
    }
    return change;
}

bool signals_reap(struct process *p, int32_t pid, uint32_t options, struct process_change *change,
                  int *error)
{
    bool any;
    struct process *c = find_news(p, pid, options, &any);
    *error = any ? 0 : ECHILD;
    *change = (struct process_change){0};
    if (c == NULL)
        return false;
    *change = change_of(c);
    if (options & PROCESS_NO_WAIT)
        return true;
    if (c->state == PROCESS_ZOMBIE)
        table_reap(c);
    else if (c->state == PROCESS_STOPPED)
        c->stop_news = false;
    else
        c->continue_news = false;
    return true;
}
