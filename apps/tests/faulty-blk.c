/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that is bad on request: virtio-blk's, whose operations go through here. Only tests have it (bad-drivers.h); it takes the place of
 * the good one by supervisor.upgrade.
 */
#include "bad-drivers.h"
#include "block_impl.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/block_events.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, MANY_PORTS = 3000, MANY_MESSAGES = 50000, STATUS_BAD = 3 };

static struct fault_order ordered; /* the one whose write is in flight */
static struct block_flight order_flight;
static uint32_t order_number;
static const struct block_attachment
    *ring_after; /* FAULT_RING: when this one asks again, for then it has seen its answer */
static struct fault_order lying;
static const struct block_device_ops *good;

static void crash(void)
{
    __builtin_trap();
}

static void leak_memory(void)
{
    uint64_t at;

    while (vm_allocate(program_start_info->task, 0, (size_t)16 * PAGE, VM_ANYWHERE, &at) ==
           KERN_SUCCESS)
        for (unsigned i = 0; i < 16; i++)
            *(volatile char *)(uintptr_t)(at + (uint64_t)i * PAGE) = 1;
    crash();
}

static void leak_ports(void)
{
    mach_port_name_t name;

    for (unsigned i = 0; i < MANY_PORTS; i++)
        if (port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &name) != KERN_SUCCESS)
            break;
    crash();
}

static void wait_for_ever(void)
{
    struct msg_registers m;
    mach_port_name_t name;

    (void)!port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &name);
    for (;;) {
        m = (struct msg_registers){.receive = name, .deadline = TRAP_NEVER};
        user_msg_trap(&m);
    }
}

static void scribble_rings(void)
{
    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++)
        if (block_service.attachments[i].used)
            memset(block_service.attachments[i].area.at, 0xa5, BLOCK_RING_PAGE);
}

static void flood(void)
{
    for (unsigned n = 0; n < MANY_MESSAGES; n++)
        for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++)
            if (block_service.attachments[i].used)
                (void)!block_events_medium_changed_until(block_service.attachments[i].notify, n, 0);
}

static void be_bad(const struct fault_order *order)
{
    switch (order->fault) {
    case FAULT_SPIN:
        for (;;)
            __asm__ volatile("");
    case FAULT_BLOCK: wait_for_ever(); break;
    case FAULT_EXIT: kernel_task_exit(STATUS_BAD);
    case FAULT_LEAK_MEMORY: leak_memory(); break;
    case FAULT_LEAK_PORTS: leak_ports(); break;
    case FAULT_SCRIBBLE: memset(&block_service, 0xa5, sizeof(block_service)); break;
    case FAULT_RING: ring_after = order_flight.attachment; break;
    case FAULT_LIE: lying = *order; break;
    case FAULT_DEAF: block_service.driver->line[0].interrupt = MSG_NULL; break;
    case FAULT_FLOOD: flood(); break;
    default: break;
    }
}

/* ---- between the server and the device ---- */

static bool is_lied_about(const struct block_transfer *transfer)
{
    return lying.fault == FAULT_LIE && transfer->block >= lying.first &&
           transfer->block < lying.first + lying.count;
}

static kern_return_t start(void *device, enum block_operation operation,
                           const struct block_transfer *transfer, uint32_t flight)
{
    if (ring_after && block_service.flights[flight].attachment == ring_after) {
        ring_after = NULL;
        scribble_rings();
    }
    if (operation == BLOCK_WRITE && transfer->at) {
        const struct fault_order *order = transfer->at;
        if (order->magic == FAULT_MAGIC) {
            ordered = *order;
            order_flight = block_service.flights[flight];
            order_number = flight;
            lying.fault = FAULT_NONE;
        } else if (is_lied_about(transfer)) {
            block_server_done(flight, KERN_SUCCESS);
            return KERN_SUCCESS;
        }
    } else if (operation == BLOCK_READ && is_lied_about(transfer)) {
        block_server_done(flight, KERN_SUCCESS);
        return KERN_SUCCESS;
    }
    return good->start(device, operation, transfer, flight);
}

/* The write is over, and has been answered, when its flight is gone, or another's: a client's next request may have the same id. */
static void see_to_order(void)
{
    const struct block_flight *flight = &block_service.flights[order_number];

    if (ordered.fault == FAULT_NONE || (flight->attachment == order_flight.attachment &&
                                        flight->request.id == order_flight.request.id &&
                                        flight->request.block == order_flight.request.block))
        return;
    const struct fault_order order = ordered;
    ordered.fault = FAULT_NONE;
    be_bad(&order);
}

static void commit(void *device)
{
    good->commit(device);
    see_to_order();
}

static struct block_device_ops bad;

/* virtio-blk's main() calls this for block_server_run(): -Wl,--wrap. */
[[gnu::noreturn]] void __real_block_server_run(struct driver *driver,
                                               const struct block_server_config *config);
[[gnu::noreturn]] void __wrap_block_server_run(struct driver *driver,
                                               const struct block_server_config *config);
void __wrap_block_server_run(struct driver *driver, const struct block_server_config *config)
{
    struct block_server_config worse = *config;

    good = config->ops;
    bad = *good;
    bad.start = start;
    bad.commit = commit;
    worse.ops = &bad;
    __real_block_server_run(driver, &worse);
}
