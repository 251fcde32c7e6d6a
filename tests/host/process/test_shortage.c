/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread is to be stopped for a signal, and there is no room to be told of its end (port_watch): nothing is lost by that.
 */
#include "../check.h"
#include "world.h"
#include <wharf/if/exception.h>

enum { MILLISECONDS = 1000000, ENTRY = 0x1000 };

/* A program of two threads that decides about a signal. */
static int32_t begin(mach_port_name_t *task, uint32_t signal)
{
    mach_port_name_t port;
    int32_t pid;

    world_begin();
    *task = world_task(2);
    CHECK_EQ(processes_calls.adopt(world_message(0), world_copy(*task), "program", &pid, &port),
             KERN_SUCCESS);
    world_drop(port);
    CHECK_EQ(process_calls.set_entry(world_message(pid), ENTRY), KERN_SUCCESS);
    CHECK_EQ(process_calls.set_disposition(world_message(pid), signal_bit(signal),
                                           PROCESS_DISPOSITION_MINE, 0),
             KERN_SUCCESS);
    return pid;
}

/* It ends without coming for the signal: another one is asked. */
static void end_unwatched(void)
{
    enum { SIGNAL = 30 };
    mach_port_name_t task;
    const int32_t pid = begin(&task, SIGNAL);
    const struct process *p = table_find(pid);

    world_fail_at(1);
    CHECK_EQ(process_calls.kill(world_message(pid), pid, SIGNAL, 1, 0), KERN_SUCCESS);
    CHECK(world_has_failed());
    world_check_signals();
    world_fail_at(0);
    world_kill(world_thread(task, 0));
    world_pass(10 * MILLISECONDS);
    world_settle();
    CHECK_EQ(p->stopped_thread, world_thread(task, 1));
    world_end();
}

/* Its own exception is handed to its handler all the same: it stands still already, and the alternative is the program's end. */
static void raise_unwatched(void)
{
    mach_port_name_t task;
    const int32_t pid = begin(&task, SIGNAL_SEGV);
    const struct process *p = table_find(pid);
    const mach_port_name_t thread = world_thread(task, 1);
    struct server_message *message = world_message(0);

    message->received.local = SERVER_PAYLOAD_EXCEPTIONS;
    world_fail_at(1);
    CHECK_EQ(exception_calls.raise(message, world_copy(thread), world_copy(task),
                                   EXCEPTION_KIND_WRITE, 0, 0, 0x10),
             KERN_SUCCESS);
    CHECK(world_has_failed());
    world_fail_at(0);
    CHECK(p->state == PROCESS_RUNNING && p->stopped_thread == thread);
    CHECK_EQ(signals_pending(p, thread), signal_bit(SIGNAL_SEGV));
    world_end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    end_unwatched();
    raise_unwatched();
    return check_end();
}
