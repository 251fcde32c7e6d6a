/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process server: pids, parents, signals, groups, sessions. docs/processes.md.
 */
#include "crash.h"
#include "server.h"
#include "shed.h"
#include "signals.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/service_control.h>
#include <wharf/if/vm.h>

enum { PRIORITY = 110 };

static uint64_t in[MSG_BODY_MAX / 8], out[MSG_BODY_MAX / 8];

/* A name that is watched is dead. */
static kern_return_t notification(void *context, const struct server_message *message)
{
    (void)context;
    /* A process can send such a message, too, and name whom it likes. */
    if (!msg_is_notification(message->received.control))
        return KERN_FAILURE;
    if (message->received.id == MSG_ID_DEAD_NAME)
        tasks_died(*(const uint32_t *)message->in);
    return KERN_SUCCESS;
}

/* ---- the supervisor ---- */

/* A process can send such a message to its own port, too. */
static bool is_supervisor(const struct server_message *message)
{
    return message->received.local == SERVER_PAYLOAD_CONTROL;
}

static kern_return_t ping(struct server_message *message, uint64_t *busy_until)
{
    *busy_until = 0;
    return is_supervisor(message) ? KERN_SUCCESS : MIG_BAD_ID;
}

/* Without their server processes are nothing that anybody knows of: they end with it. */
static kern_return_t stop(struct server_message *message)
{
    if (!is_supervisor(message))
        return MIG_BAD_ID;
    signals_end_program(0);
    exit(0);
}

static kern_return_t shed(struct server_message *message)
{
    if (!is_supervisor(message))
        return MIG_BAD_ID;
    shed_one();
    return KERN_SUCCESS;
}

static const struct service_control_ops control_calls = {.ping = ping, .stop = stop, .shed = shed};

static kern_return_t serve(const char *name, uint64_t payload)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t service;
    kern_return_t kr = service_check_in(program_start_info->bootstrap, name, &service);
    if (kr == KERN_SUCCESS)
        kr = port_set_payload(self, service, payload);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self, service, tasks_set);
    return kr;
}

static kern_return_t serve_supervisor(void)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t control;
    kern_return_t kr = service_get_control(program_start_info->bootstrap, &control);
    if (kr == KERN_SUCCESS)
        kr = port_set_payload(self, control, SERVER_PAYLOAD_CONTROL);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self, control, tasks_set);
    return kr;
}

static kern_return_t begin(void)
{
    const mach_port_name_t self = program_start_info->task;
    kern_return_t kr = tasks_begin();
    if (kr == KERN_SUCCESS)
        kr = port_allocate(self, PORT_RIGHT_SET, &tasks_set);
    if (kr == KERN_SUCCESS)
        kr = port_allocate(self, PORT_RIGHT_RECEIVE, &tasks_exceptions);
    if (kr == KERN_SUCCESS)
        kr = port_set_payload(self, tasks_exceptions, SERVER_PAYLOAD_EXCEPTIONS);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self, tasks_exceptions, tasks_set);
    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(self, 0, tasks_exceptions, &tasks_exception_send);
    if (kr == KERN_SUCCESS)
        kr = serve_supervisor();
    if (kr == KERN_SUCCESS)
        kr = serve("process", SERVER_PAYLOAD_SERVICE);
    if (kr == KERN_SUCCESS) {
        kr = serve("process.inspect", SERVER_PAYLOAD_INSPECT);
        if (kr == KERN_NO_ACCESS || kr == KERN_NOT_FOUND)
            kr = KERN_SUCCESS; /* nobody is to have the tasks of processes */
    }
    return kr;
}

/* Memory that the next instance of this program finds: so no pid comes again soon that somebody still knows from before. It may not be described; then they do. */
static void keep_pids(void)
{
    enum { PAGE = 4096 };
    mach_port_name_t state;
    uint64_t at;
    if (service_get_right(program_start_info->bootstrap, "state", &state) != KERN_SUCCESS)
        return;
    if (vm_map(program_start_info->task, 0, PAGE, 0, VM_ANYWHERE, state,
               VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE,
               &at) == KERN_SUCCESS)
        table_keep_pid((int32_t *)(uintptr_t)at);
    stub_release_right(state, MSG_MOVE_SEND);
}

int main(void)
{
    table_reset();
    tasks_reset();
    keep_pids();
    kern_return_t kr = begin();
    if (kr == KERN_SUCCESS)
        kr = crash_begin();
    if (kr == KERN_SUCCESS)
        kr = service_ready(program_start_info->bootstrap);
    const struct server_interface interfaces[] = {
        process_interface(&process_calls, NULL),
        processes_interface(&processes_calls, NULL),
        exception_interface(&exception_calls, NULL),
        service_control_interface(&control_calls, NULL),
    };
    const struct server server = {
        .port = tasks_set,
        .count = sizeof(interfaces) / sizeof(interfaces[0]),
        .interfaces = interfaces,
        .notification = notification,
        .in = in,
        .out = out,
        .in_size = sizeof(in),
        .out_size = sizeof(out),
    };
    if (kr == KERN_SUCCESS)
        kr = server_run(&server);
    print("process: it cannot serve (%d)\n", kr);
    return 1;
}
