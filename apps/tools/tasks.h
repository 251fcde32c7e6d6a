/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All tasks of the machine and their threads, one at a time, for tools that show them. What ends meanwhile is left out.
 */
#pragma once

#include "tool.h"
#include <wharf/info.h>

/** Called for each; false ends the walk. The right is given up afterwards. */
typedef bool task_visitor_t(void *context, mach_port_name_t task, const struct task_info *info);
void tasks_each(const struct tool *tool, task_visitor_t *visit, void *context);

typedef bool thread_visitor_t(void *context, mach_port_name_t thread,
                              const struct thread_info *info);
void threads_each(mach_port_name_t task, thread_visitor_t *visit, void *context);

/** The task of this number, or the first of this name; 0: there is none. Its right is the caller's. */
mach_port_name_t tasks_find(const struct tool *tool, const char *name, struct task_info *info);

/** "waits", "runs" ... and what for. */
const char *thread_does(const struct thread_info *info);
const char *thread_waits(const struct thread_info *info);
