/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handler of test programs whose exceptions are noted, and stepped over (raised.h).
 */
#include "raised.h"
#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/thread_state.h>

_Atomic uint32_t raised;
_Atomic uint64_t raised_code, raised_address;
static mach_port_name_t handler_port;

static kern_return_t raise_state(struct server_message *message, uint32_t kind, uint32_t number,
                                 uint64_t code, uint64_t address,
                                 const struct thread_state_general *state,
                                 struct thread_state_general *new_state)
{
    (void)message, (void)kind, (void)number;
    atomic_store(&raised_code, code);
    atomic_store(&raised_address, address);
    atomic_fetch_add(&raised, 1);
    *new_state = *state;
    new_state->pc += 4;
    return KERN_SUCCESS;
}

static void handle(void *argument)
{
    static const struct exception_ops ops = {.raise_state = raise_state};
    static _Alignas(8) uint8_t in[EXCEPTION_REQUEST_MAX], out[EXCEPTION_REQUEST_MAX];
    struct server_interface interface = exception_interface(&ops, argument);
    struct server handler = {.port = handler_port,
                             .count = 1,
                             .interfaces = &interface,
                             .in = in,
                             .in_size = sizeof(in),
                             .out = out,
                             .out_size = sizeof(out)};
    (void)server_run(&handler);
}

void start_handler(void)
{
    static struct thread thread;
    const mach_port_name_t task = program_start_info->task;
    mach_port_name_t name;
    CHECK_EQUAL(port_allocate(task, PORT_RIGHT_RECEIVE, &handler_port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(task, handler_port, handler_port, &name), KERN_SUCCESS);
    CHECK_EQUAL(thread_start(&thread, handle, NULL, THREAD_PRIORITY_DEFAULT + 1), KERN_SUCCESS);
    CHECK_EQUAL(exception_ports_set(task, EXCEPTION_PORTS_SLOT_HANDLER,
                                    EXCEPTION_PORTS_FLAVOUR_STATE, EXCEPTION_ALL, handler_port),
                KERN_SUCCESS);
}
