/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic has done: process-srv/tasks.c does it to tasks, tests/host/process counts it.
 */
#pragma once

#include "table.h"

/** End its task, and its port; what it had of CPUs is in cpu_time, and it is leaving (P5) if it has a parent. signal: as by this one, 0: by itself. */
void effect_end(struct process *p, uint32_t signal);
void effect_suspend(struct process *p);
void effect_resume(struct process *p);
/** Signals wait that a thread should be stopped for. */
void effect_look(struct process *p);
/** Children changed: who waits is answered, where there is something to say. */
void effect_news(struct process *p);
/** A right to a thread that a queued signal is for: one reference more, or less. */
bool effect_keep_thread(mach_port_name_t thread);
void effect_drop_thread(mach_port_name_t thread);
