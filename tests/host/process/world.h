/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel that the process server sees, on the host: names are rights with counts, tasks have threads and are suspended and ended, any allocation can be made to fail, and so can a
 * thread's stop. The server's files are compiled as they are; a process's calls are calls of its tables.
 *
 * W1 What a message brings is the caller's until the call has succeeded: world_done() gives it back after an error, as libsys does.
 * W2 What was ended is dead at once; that the server is told waits in its queue until world_settle(), and holds a reference to the name.
 * W3 The server asks only what it has a name for, and of tasks and threads only: of anything else it could wait for the answer.
 * W4 A process has names of its own for what there is: world_theirs(). They mean nothing in the server's name space.
 */
#pragma once

#include "../world_failures.h"
#include "effects.h"
#include "server.h"
#include "signals.h"
#include <errno.h>
#include <wharf/unix_error.h>

enum {
    WORLD_SELF = 1,
    WORLD_HOST_TASKS,
    WORLD_CLOCK,
    WORLD_SET,
    WORLD_EXCEPTIONS,
    WORLD_FIRST = 16
};

/** Begin anew, with an empty table. */
void world_begin(void);
/** End what there is, and check that no right is left. */
void world_end(void);

/** A task with so many threads, of which the server has no right. */
mach_port_name_t world_task(unsigned threads);
/** Its n-th thread, of which the server need have no right; null: it has none. */
mach_port_name_t world_thread(mach_port_name_t task, unsigned n);
/** What a process calls it: W4. */
uint32_t world_theirs(mach_port_name_t name);
/** Such a name of anything there is, or of nothing. */
uint32_t world_any_theirs(uint32_t which);
/** One more right of the server's, or of a message to it, and the name; one less. */
mach_port_name_t world_copy(mach_port_name_t name);
void world_drop(mach_port_name_t name);
/** A right of any kind that a message could bring, or null, or a dead one. */
mach_port_name_t world_any(uint32_t which);
/** A process's, not a task or a thread. */
bool world_is_port(mach_port_name_t name);
/** A task, or one thread, ends by itself. */
void world_kill(mach_port_name_t name);
bool world_is_alive(mach_port_name_t name);
/** Of a task or a thread; and one more. */
unsigned world_suspended(mach_port_name_t name);
void world_suspend(mach_port_name_t name);
/** What a task's threads have used of CPUs. */
uint64_t world_cpu_time(mach_port_name_t task);
/** A thread's next stop is refused so. */
void world_refuse(kern_return_t kr);

/** A message at a process's port; NULL: its port is gone. pid 0: at the service. */
struct server_message *world_message(int32_t pid);
/** After a call: rights that it carried, and what it returned. The result. */
kern_return_t world_done(kern_return_t kr, mach_port_name_t one, mach_port_name_t other);
/** Deaths and alarms until there are none. */
void world_settle(void);
/** Where signals wait that a thread is to be stopped for, one has been and is there, or the server will look again. */
void world_check_signals(void);
/** The thread waits for that (THREAD_WAITS_), until it is stopped. */
void world_wait(mach_port_name_t thread, unsigned waits);
/** Its registers. */
struct thread_state_general *world_state(mach_port_name_t thread);
/** Whoever waits for an answer has gone. */
void world_lose_answers(void);
/** Let time go by. */
void world_pass(uint64_t nanoseconds);

extern unsigned world_answers;
