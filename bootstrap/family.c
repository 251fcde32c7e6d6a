/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See family.h.
 *
 * All tasks are walked, the oldest first, and new ones come at the end: who is made meanwhile is met, too. A walk that finds nobody is the last one. Tasks that only make others and end
 * could keep ahead of it for a while, on other CPUs: there are at most ROUNDS_MAX walks of STEPS_MAX calls, and the log says what was left.
 */
#include "family.h"
#include "log.h"
#include "program.h"
#include "rights.h"
#include <libsys/program.h>
#include <stdbool.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/task.h>
#include <wharf/info.h>

enum { ROUNDS_MAX = 32, STEPS_MAX = 4096, AT_ONCE = HOST_TASKS_TASKS_MAX };

static mach_port_name_t power(void)
{
    return program_start_info->host_tasks;
}

/* True: it was one of them. Those that have been told already stay on the list until they have gone, which they may not get to before we wait. */
static bool end_if_below(mach_port_name_t task, mach_port_name_t above)
{
    struct task_info info;
    bool below = false;
    return host_tasks_is_below(power(), task, above, &below) == KERN_SUCCESS && below &&
           task_info(task, &info) == KERN_SUCCESS && !info.ending &&
           task_terminate(task, STATUS_KILLED) == KERN_SUCCESS;
}

/* How many were found. What the walk stands on may have been ended by it: then it is over, and the next one begins anew. */
static unsigned walk(mach_port_name_t above)
{
    mach_port_name_t t[AT_ONCE], after = MSG_NULL;
    unsigned found = 0;
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        const kern_return_t kr = host_tasks_tasks(power(), after, &t[0], &t[1], &t[2], &t[3], &t[4],
                                                  &t[5], &t[6], &t[7]);
        send_drop(&after);
        if (kr != KERN_SUCCESS)
            return found + 1;
        for (unsigned i = 0; i < AT_ONCE; i++) {
            if (t[i] == MSG_NULL)
                continue;
            found += end_if_below(t[i], above);
            send_drop(&after);
            after = t[i];
        }
        if (after == MSG_NULL)
            return found;
    }
    send_drop(&after);
    return found;
}

void family_end(mach_port_name_t family)
{
    if (family == MSG_NULL)
        return;
    for (unsigned round = 0; round < ROUNDS_MAX; round++)
        if (walk(family) == 0)
            return;
    log_line("some of the tasks that it has made are left");
}

kern_return_t family_make(mach_port_name_t parent, mach_port_name_t *family)
{
    mach_port_name_t name;
    return task_create(parent != MSG_NULL ? parent : program_start_info->task, 0, "family", NULL, 0,
                       MSG_NULL, family, &name);
}

void family_drop(mach_port_name_t *family)
{
    if (*family != MSG_NULL)
        (void)!task_terminate(*family, 0);
    send_drop(family);
}
