/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel that the process server sees, on the host: names are rights with counts, tasks have threads and are suspended and ended, any allocation can be made to fail, and so can a
 * thread's stop. The server's files are compiled as they are; a process's calls are calls of its tables.
 *
 * W1 What a message brings is the caller's until the call has succeeded: world_call() gives it back after an error, as libsys does.
 * W2 A task that was ended dies when world_settle() says so, and the server is told.
 */
#pragma once

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

/** The n-th allocation from here on fails; 0: none. */
void world_fail_at(unsigned n);
bool world_has_failed(void);

/** A task with so many threads; the right is the caller's. */
mach_port_name_t world_task(unsigned threads);
/** A right to its n-th thread; null: it has none. */
mach_port_name_t world_thread(mach_port_name_t task, unsigned n);
/** One more right, one less. */
mach_port_name_t world_copy(mach_port_name_t name);
void world_drop(mach_port_name_t name);
/** A right of any kind that a message could bring, or null, or a dead one. */
mach_port_name_t world_any(uint32_t which);
/** It ends by itself. */
void world_kill(mach_port_name_t task);
/** A task of which the server should have a right still. */
bool world_is_alive(mach_port_name_t task);
unsigned world_suspended(mach_port_name_t task);
/** A thread's next stop is refused so. */
void world_refuse(kern_return_t kr);

/** A message at a process's port; NULL: its port is gone. pid 0: at the service. */
struct server_message *world_message(int32_t pid);
/** After a call: rights that it carried, and what it returned. The result. */
kern_return_t world_done(kern_return_t kr, mach_port_name_t one, mach_port_name_t other);
/** Deaths and alarms until there are none. */
void world_settle(void);
/** Whoever waits for an answer has gone. */
void world_lose_answers(void);
/** Let time go by. */
void world_pass(uint64_t nanoseconds);

extern unsigned world_answers;
