/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process server's own: its ports, and what its files do for each other. One thread, which waits for nobody but the kernel.
 */
#pragma once

#include "table.h"
#include <libsys/server.h>
#include <wharf/if/exception.h>
#include <wharf/if/process.h>
#include <wharf/if/processes.h>

/* Payloads of ports that are no process's. */
#define SERVER_PAYLOAD_SERVICE    UINT64_MAX
#define SERVER_PAYLOAD_EXCEPTIONS (UINT64_MAX - 1)
#define SERVER_PAYLOAD_INSPECT    (UINT64_MAX - 2)
#define SERVER_PAYLOAD_CONTROL    (UINT64_MAX - 3)

extern const struct process_ops process_calls;     /* calls.c */
extern const struct processes_ops processes_calls; /* look.c */
extern const struct exception_ops exception_calls; /* stop.c */

/** tasks.c: where exceptions of all processes come to. */
extern mach_port_name_t tasks_exceptions, tasks_exception_send, tasks_set;

/** Nothing is known of any task. */
void tasks_reset(void);
/** First of all. */
kern_return_t tasks_begin(void);
/** The process that a message's payload names; NULL: it is gone. */
struct process *process_of(const struct server_message *message);
/** A port for p; it becomes known under *name in task. */
kern_return_t tasks_make_port(struct process *p);
kern_return_t tasks_name_port(const struct process *p, mach_port_name_t task, uint32_t *name);
/** Is this a task of the kernel's, which answers at once whoever asks? Everything else could keep the server waiting, and be its own port. */
bool tasks_is_task(mach_port_name_t task);
/** The right that p has under this name; the caller's from here on. EINVAL: it has no send right there; EAGAIN: there is no room for one here. */
kern_return_t tasks_take(const struct process *p, mach_port_name_t theirs, mach_port_name_t *right);
/** The same of a task that is nobody's yet; and, for exec, of a thread of it. */
kern_return_t tasks_take_new(const struct process *maker, mach_port_name_t theirs,
                             mach_port_name_t *task);
kern_return_t tasks_take_program(struct process *p, mach_port_name_t their_task,
                                 mach_port_name_t their_thread, mach_port_name_t *task,
                                 mach_port_name_t *thread);
/** Like tasks_is_task(), of a thread of a task. */
bool tasks_has_thread(mach_port_name_t task, mach_port_name_t thread);
/** p has this task from here on; the right is taken. */
kern_return_t tasks_bind(struct process *p, mach_port_name_t task);
/** It has none any more; the right is the caller's again. */
void tasks_unbind(struct process *p);
/** It has another one; the old right is the caller's. After an error nothing has changed. */
kern_return_t tasks_rebind(struct process *p, mach_port_name_t task);
/** A send right to p's port. */
kern_return_t tasks_send_right(const struct process *p, mach_port_name_t *right);
/** Give up all rights of p's. */
void tasks_release(struct process *p);
/** A port that is watched is gone: a task's, or a thread's. The reference that the notification brought is given up. */
void tasks_died(mach_port_name_t task);
struct process *tasks_find(mach_port_name_t task);
/** What waits for a moment; and when the next is. */
void tasks_alarms(void);
void tasks_set_alarm(struct process *p, uint64_t moment, uint64_t interval);
void tasks_again(void);
/** After this message. */
void tasks_soon(void);
/** Not later than at this moment. */
void tasks_soon_at(uint64_t moment);

/** stop.c: stop a thread for a signal, if one is wanted. */
void stop_look(struct process *p);
void stop_forget(struct process *p);
/** A port is gone: perhaps of a thread that was stopped. */
void stop_died(mach_port_name_t thread);
/** Is a thread that was stopped so here? */
bool stop_is(const struct process *p, mach_port_name_t thread, uint32_t number);
/** A thread took what it wanted, for this stop or (0) by itself; what is left is others'. */
void stop_taken(struct process *p, mach_port_name_t thread, uint32_t number, bool refused);
/** It goes on with these registers. */
void stop_resume(struct process *p, mach_port_name_t thread,
                 const struct thread_state_general *state);
