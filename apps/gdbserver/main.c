/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gdbserver: a program, or one that runs already, debugged by a GDB at the other end of a serial line (docs/debugging.md).
 */
#include "target.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/spawn_held.h>
#include <libsys/stub.h>
#include <libsys/tty_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tasks.h>
#include <unistd.h>
#include <wharf/if/exception.h>
#include <wharf/if/port.h>
#include <wharf/if/processes.h>
#include <wharf/if/thread.h>
#include <wharf/if/tty_events.h>

static const struct tool tool = {
    .name = "gdbserver",
    .usage = "[-l LINE] PROGRAM [ARGUMENT...] | [-l LINE] -p PID",
    .options = "+l:p:",
    .help = "Let a GDB at the other end of a serial line debug a program.\n"
            "  -l LINE  the line's service (tty.tty1)\n"
            "  -p PID   a process, or a task by its name, that runs already\n",
};

enum { BUFFER = EXCEPTION_REQUEST_MAX };
#define ROOM_PAUSE UINT64_C(1000000)    /* between two looks whether the line has room */
#define FLUSH_TIME UINT64_C(2000000000) /* that the last answer gets to leave */

static struct tty_client line;
static struct target target;
static struct remote remote;
static mach_port_name_t exceptions;
static _Alignas(8) uint8_t in[BUFFER], out[BUFFER];

/* ---- the line ---- */

static void fail_line(kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "the line is gone: %s", tool_error(kr));
}

static void send(void *context, const void *bytes, size_t size)
{
    size_t done = 0;
    (void)context;
    for (;;) {
        done += tty_client_put(&line, (const char *)bytes + done, size - done);
        fail_line(tty_client_kick(&line));
        if (done == size)
            return;
        (void)!kernel_sleep_until(kernel_clock_now() + ROOM_PAUSE);
    }
}

[[gnu::noreturn]] static void leave(void)
{
    (void)!tty_client_flush(&line, kernel_clock_now() + FLUSH_TIME);
    (void)!tty_client_drain(&line);
    exit(0);
}

static void take_input(void)
{
    uint8_t bytes[256];
    size_t n;
    while ((n = tty_client_get(&line, bytes, sizeof(bytes))) > 0)
        remote_input(&remote, bytes, n);
    if (remote.over)
        leave();
}

static kern_return_t ready(struct server_message *message, uint32_t lost)
{
    (void)message;
    fail_line(tty_client_told(&line, TTY_EVENTS_ID_READY, lost));
    take_input();
    return KERN_SUCCESS;
}

/* ---- the target ---- */

/* The rights are not needed: threads are found by their numbers. */
static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    struct remote_stop stop;
    kern_return_t result;
    (void)code;
    const bool stopped = target_raised(&target, message, number, kind, address, &result, &stop);
    if (result != MIG_NO_REPLY)
        return result;
    stub_release_right(thread, MSG_MOVE_SEND);
    if (task != MSG_NULL)
        stub_release_right(task, MSG_MOVE_SEND);
    if (stopped)
        remote_stopped(&remote, &stop);
    return result;
}

static const struct exception_ops exception_operations = {.raise = raise};

/* One message of those that are there. False: there are no more. */
static bool hear_exception(const struct server_interface *interface)
{
    static const struct server_room room = {.in = in, .out = out, .in_size = sizeof(in)};
    struct server_message m;
    if (server_receive(&m, exceptions, &room, 0) != KERN_SUCCESS)
        return false;
    server_answer(&m, server_dispatch(interface, &m));
    return true;
}

/* Exceptions that wait to be received are ours while the breakpoints are: nobody else could tell that they are no fault of the program's. */
static void detach(void *context)
{
    const struct server_interface interface = exception_interface(&exception_operations, NULL);
    struct remote_stop stop;
    target_operations.interrupt(context, &stop);
    if (port_move_member(program_start_info->task, exceptions, MSG_NULL) == KERN_SUCCESS)
        while (hear_exception(&interface))
            ;
    target_operations.detach(context);
}

/* The task has ended, or the line's driver. */
static kern_return_t notification(void *context, const struct server_message *message)
{
    const mach_port_name_t name = (mach_port_name_t)(*(const uint64_t *)message->in & UINT32_MAX);
    struct remote_stop stop;
    (void)context;
    if (message->received.id != MSG_ID_DEAD_NAME)
        return KERN_SUCCESS;
    if (name != target.task) {
        fail_line(tty_client_told(&line, MSG_ID_DEAD_NAME, name));
        take_input();
        return KERN_SUCCESS;
    }
    target_ended(&target, &stop);
    remote_stopped(&remote, &stop);
    leave();
}

/* ---- beginning ---- */

static mach_port_name_t task_of(const char *name)
{
    struct task_info info;
    mach_port_name_t task;
    char *end;
    const unsigned long pid = strtoul(name, &end, 10);
    if (*end == '\0') {
        const kern_return_t kr =
            processes_task(tool_service(&tool, "process.inspect"), (int32_t)pid, &task);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "there is no process %lu", pid);
        return task;
    }
    task = tasks_find(&tool, name, &info);
    if (task == MSG_NULL)
        tool_fail(&tool, "there is no task '%s'", name);
    return task;
}

static mach_port_name_t begin_program(char **argv, mach_port_name_t *thread)
{
    struct spawn_held made;
    char path[256];
    const bool here = strchr(argv[0], '/') != NULL;
    if (snprintf(path, sizeof(path), "%s%s", here ? "" : "/bin/", argv[0]) >= (int)sizeof(path))
        tool_fail(&tool, "%s: the name is too long", argv[0]);
    const int error = spawn_held(path, argv, environ, &made);
    if (error != 0)
        tool_fail(&tool, "%s: %s", path, strerror(error));
    target.child = made.pid;
    *thread = made.thread;
    return made.task;
}

static void check(kern_return_t kr, const char *what)
{
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s: %s", what, tool_error(kr));
}

/* Everything comes to one set. */
static mach_port_name_t open_line(const char *name)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t set;
    check(tty_client_open(&line, name), name);
    check(port_allocate(self, PORT_RIGHT_SET, &set), "a port set");
    check(port_allocate(self, PORT_RIGHT_RECEIVE, &exceptions), "a port");
    check(port_move_member(self, line.notify, set), "a port set");
    check(port_move_member(self, exceptions, set), "a port set");
    return set;
}

[[gnu::noreturn]] static void serve(mach_port_name_t set)
{
    static const struct tty_events_ops events = {.ready = ready};
    const struct server_interface interfaces[] = {exception_interface(&exception_operations, NULL),
                                                  tty_events_interface(&events, NULL)};
    const struct server server = {.port = set,
                                  .count = sizeof(interfaces) / sizeof(interfaces[0]),
                                  .interfaces = interfaces,
                                  .notification = notification,
                                  .in = in,
                                  .in_size = sizeof(in),
                                  .out = out,
                                  .out_size = sizeof(out)};
    take_input();
    tool_fail(&tool, "it cannot receive: %s", tool_error(server_run(&server)));
}

int main(int argc, char **argv)
{
    static struct remote_target operations;
    const char *name = "tty.tty1", *pid = NULL;
    mach_port_name_t thread = MSG_NULL;
    struct remote_stop stop;
    for (int option; (option = tool_option(&tool, argc, argv)) != -1;)
        *(option == 'l' ? &name : &pid) = optarg;
    if ((pid != NULL) == (optind < argc))
        tool_misuse(&tool);
    const mach_port_name_t set = open_line(name);
    const mach_port_name_t task = pid ? task_of(pid) : begin_program(argv + optind, &thread);
    check(target_begin(&target, task, exceptions, &stop), "the task");
    if (thread != MSG_NULL)
        check(thread_resume(thread), "its thread");
    operations = target_operations;
    operations.send = send;
    operations.detach = detach;
    remote_init(&remote, &operations, &target, pid != NULL, &stop);
    fprintf(stderr, "gdbserver: waiting for GDB on %s\n", name);
    serve(set);
}
