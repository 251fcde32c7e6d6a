/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A world (../machine/kernel_world.h) whose tasks have names for rights: what the tests of this folder
 * share. Scripts may call the kernel's functions as a trap would, on the CPU that runs them, and
 * reach their task's memory as user code does.
 */
#pragma once

#include "../machine/kernel_world.h"

#include <kern/ipc_check.h>
#include <kern/port.h>
#include <kern/space.h>

enum { IPC_TASKS = 8 };

/** What a name is likely to be; names move on, so it need not be. */
enum pool { POOL_RECEIVE, POOL_SET, POOL_SEND, POOL_ONCE, POOL_DEAD, POOLS, POOL_SIZE = 12 };

/** A place for a task. Its names are hints for all of its threads. */
struct ipc_task {
    struct task
        *_Atomic task; /* with a reference; NULL: none. Taken away while the machine rests */
    _Atomic mach_port_name_t name[POOLS][POOL_SIZE];
};
extern struct ipc_task ipc_task[IPC_TASKS];

/** The place of a thread's task. */
struct ipc_task *ipc_task_of(const struct thread *thread);

/** All invariants, of scheduler, timers, memory and messages. At rest. */
void ipc_world_check(void);
/** Counted by the last ipc_world_check(). */
extern struct ipc_census ipc_census;
/** Everything that ended is taken down: counts are equal, not only at least what was found. */
bool ipc_is_exact(void);

/** Give up tasks that have ended and are taken down. Controller. */
void ipc_drop_ended(void);
/** End all tasks, wait until nothing is left, compare with the beginning. Controller. */
void ipc_world_finish(void);

/** The task of `from` gives that of `to` a right by its name, as a message would. KERN_SUCCESS:
 *  *out is the name there. Kernel context. */
kern_return_t ipc_give(struct task *from, mach_port_name_t name, unsigned disposition,
                       struct task *to, mach_port_name_t *out);
/** A send right to a kernel object's port. */
kern_return_t ipc_give_kobject(struct port *port, struct task *to, mach_port_name_t *out);
/** A new port with such a queue. KERN_SUCCESS: its name. */
kern_return_t ipc_port(struct task *task, uint32_t limit, uint32_t byte_limit,
                       mach_port_name_t *out);

/** Memory of the thread that runs on `cpu`; false: it is not there (yet). From a script. */
bool user_write(unsigned cpu, vaddr_t va, const void *data, size_t n);
bool user_read(unsigned cpu, vaddr_t va, void *data, size_t n);
