/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An exception, from the faulting instruction to the handler's answer and back: of the main thread, to a thread that
 * serves interfaces/exception.defs by server_run(). The handler answers success and changes nothing, so that the
 * instruction is repeated; after so many it makes the address readable. In the form with rights it keeps those it got.
 */
#include "row.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <user/machine.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>

enum { PAGE = 4096 };

static struct {
    mach_port_name_t port;
    uint64_t left; /* exceptions until it is repaired */
    char *page;
    struct thread thread;
    _Alignas(8) uint8_t in[EXCEPTION_REQUEST_MAX], out[EXCEPTION_REPLY_MAX];
} handler;

static kern_return_t repair_at_last(void)
{
    if (--handler.left > 0)
        return KERN_SUCCESS;
    return kernel_vm_protect(handler.page, PAGE, VM_PROT_READ);
}

static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    (void)message, (void)thread, (void)task, (void)kind, (void)number, (void)code, (void)address;
    return repair_at_last();
}

static kern_return_t raise_state(struct server_message *message, uint32_t kind, uint32_t number,
                                 uint64_t code, uint64_t address,
                                 const struct thread_state_general *state,
                                 struct thread_state_general *new_state)
{
    (void)message, (void)kind, (void)number, (void)code, (void)address;
    *new_state = *state;
    return repair_at_last();
}

static void serve(void *unused)
{
    static const struct exception_ops ops = {.raise = raise, .raise_state = raise_state};
    static struct server_interface interface;
    interface = exception_interface(&ops, NULL);
    struct server server = {.port = handler.port,
                            .count = 1,
                            .interfaces = &interface,
                            .in = handler.in,
                            .in_size = sizeof(handler.in),
                            .out = handler.out,
                            .out_size = sizeof(handler.out)};
    (void)unused;
    (void)server_run(&server);
}

/* One access, repeated `n` times by the handler. */
static uint64_t faults(uint64_t n)
{
    uint64_t start = machine_counter();
    CHECK_EQUAL(kernel_vm_protect(handler.page, PAGE, 0), KERN_SUCCESS);
    handler.left = n;
    (void)*(volatile char *)handler.page;
    return machine_counter() - start;
}

static void measure(const char *name, unsigned flavour, int argc, char **argv)
{
    static struct series series;
    if (!row_is_wanted(name, argc, argv))
        return;
    series.count = 0;
    CHECK_EQUAL(exception_ports_set(program_start_info->thread, EXCEPTION_PORTS_SLOT_HANDLER,
                                    flavour, EXCEPTION_ALL, handler.port),
                KERN_SUCCESS);
    series_run(&series, faults, 0);
    series_print(&series, name, "instructions", REPEATS);
}

int main(int argc, char **argv)
{
    mach_port_name_t self = program_start_info->task, name;
    void *memory;
    CHECK_EQUAL(kernel_vm_allocate(PAGE, &memory), KERN_SUCCESS);
    handler.page = memory;
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &handler.port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self, handler.port, handler.port, &name), KERN_SUCCESS);
    CHECK_EQUAL(thread_start(&handler.thread, serve, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    measure("exception_round_trip", EXCEPTION_PORTS_FLAVOUR_RIGHTS, argc, argv);
    measure("exception_state", EXCEPTION_PORTS_FLAVOUR_STATE, argc, argv);
    print("bench: done\n");
    return 0;
}
