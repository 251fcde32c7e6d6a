/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second task that runs a function of the same program, for tests and benchmarks that need two address spaces:
 *
 *      struct clone server;
 *      clone_make(&server, serve, &port, THREAD_PRIORITY_DEFAULT);
 *      clone_give_receive(&server, port);
 *      clone_run(&server);
 *
 * The child is a fork: its memory is a copy of the caller's as it was at one moment; what has VM_INHERIT_SHARE is
 * shared, what has VM_INHERIT_NONE is missing. It has the caller's send rights and dead
 * names under the same names; receive rights, sets and send-once rights it has not. One new thread of its own calls
 * the function, on a stack of its own; the caller's other threads are not copied.
 *
 * C1 In the child program_start_info->task and ->thread name the child itself, so that all of libsys works there. The other
 *    names in that block are good because they are send rights.
 * C2 What other threads of the caller hold or have half done at the moment of clone_make() stays so in the child
 *    for ever: locks, for instance. They stand still meanwhile.
 */
#pragma once

#include <wharf/error.h>
#include <wharf/message.h>

/** Its result is the child's exit status; nothing registered with atexit() is called. */
typedef int clone_function_t(void *argument);

/** Send rights to the child and its thread; the caller's. */
struct clone {
    mach_port_name_t task;
    mach_port_name_t thread;
};

/** Make the child; its thread is suspended. Memory that the argument points to is in the child, too. The caller pays for
 *  all of it. On an error, which may be any of task.create, create_thread and the calls of vm, nothing is left. */
kern_return_t clone_make(struct clone *clone, clone_function_t *function, void *argument,
                         unsigned priority);
/** The caller's receive right `name` becomes the child's, which must not have begun to use names. If the caller had a send
 *  right of this name, too, both have the same names for it: the child for the receive right. Errors of port.insert_receive;
 *  KERN_FAILURE: it has another name there. */
kern_return_t clone_give_receive(const struct clone *clone, mach_port_name_t name);
/** It begins. Errors of thread.resume. */
kern_return_t clone_run(const struct clone *clone);
/** End the child, whatever it does, and give up the rights to it. */
void clone_end(struct clone *clone);
