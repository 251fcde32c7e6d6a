/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that another task supplies, from pages of its own that are there. Between two rounds the object ends, which is not
 * counted. Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <user/machine.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, STORE = 16, CLUSTER = 16, FIRST = CLUSTER /* pages touched before */ };
#define OK(call)   CHECK_EQUAL(call, KERN_SUCCESS)
#define READ_WRITE (VM_PROT_READ | VM_PROT_WRITE)

/* In memory that both tasks have. */
static struct shared {
    mach_port_name_t port; /* the pager's receive right, and this task's send right */
    uint32_t cluster;      /* that the next object is to have, in bytes */
    uint32_t caches;       /* it stays when nobody maps it */
    _Atomic uint32_t ended;
    _Alignas(4096) char store[STORE * PAGE];
} * shared;

/* ---- the pager ---- */

static mach_port_name_t control;

static kern_return_t init(struct server_message *message, mach_port_name_t name, uint32_t page_size)
{
    (void)message, (void)page_size;
    control = name;
    return memory_object_ready(control, shared->caches, shared->cluster);
}

static kern_return_t data_request(struct server_message *message, uint64_t offset, uint64_t length,
                                  uint32_t access)
{
    (void)message, (void)access;
    return memory_object_supply(control, offset, (uintptr_t)shared->store, length, 0);
}

static kern_return_t data_return(struct server_message *message, uint64_t offset, uint64_t length,
                                 bool dirty, bool kernel_copy)
{
    (void)message, (void)offset, (void)length, (void)dirty, (void)kernel_copy;
    return KERN_SUCCESS; /* nobody writes */
}

static kern_return_t lock_completed(struct server_message *message, uint64_t offset,
                                    uint64_t length)
{
    (void)message, (void)offset, (void)length;
    return KERN_SUCCESS;
}

static kern_return_t terminate(struct server_message *message)
{
    (void)message;
    (void)!port_deallocate(program_start_info->task, control);
    atomic_fetch_add(&shared->ended, 1);
    return KERN_SUCCESS;
}

static int serve(void *argument)
{
    static const struct memory_pager_ops ops = {.init = init,
                                                .data_request = data_request,
                                                .data_return = data_return,
                                                .lock_completed = lock_completed,
                                                .terminate = terminate};
    static _Alignas(8) uint8_t in[512];
    const struct server_interface interface = memory_pager_interface(&ops, argument);
    const struct server server = {.port = shared->port,
                                  .count = 1,
                                  .interfaces = &interface,
                                  .in = in,
                                  .in_size = sizeof(in)};
    (void)server_run(&server);
    return 1;
}

/* ---- who maps its object ---- */

static mach_port_name_t self;

/* A second pass over the same pages is the loop alone. */
[[gnu::noinline]] static uint64_t fault_each(volatile char *at, uint64_t n)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += PAGE)
        (void)*at;
    return machine_counter_raw() - start;
}

/* The same under another name, for those who look for it; not quite, or the compiler would make them one. */
[[gnu::noinline]] static uint64_t show_each(volatile char *at, uint64_t n)
{
    const uint64_t start = machine_counter_raw();
    for (; n > 0; n--, at += PAGE)
        (void)at[1];
    return machine_counter_raw() - start;
}

static char *map(uint64_t pages)
{
    uint64_t at = 0;
    OK(vm_map(self, 0, pages * PAGE, 0, VM_ANYWHERE, shared->port, READ_WRITE, READ_WRITE,
              VM_INHERIT_NONE, &at));
    return (char *)at;
}

static void unmap(char *at, uint64_t pages)
{
    OK(vm_deallocate(self, (uintptr_t)at, pages * PAGE));
}

static void wait_for_end(uint32_t ended)
{
    while (atomic_load(&shared->ended) == ended)
        OK(kernel_sleep_until(kernel_clock_now() + 1000));
}

/* Of a new object; it has begun, and its first pages are there. */
static uint64_t time_object(uint64_t n, uint32_t cluster)
{
    const uint32_t ended = atomic_load(&shared->ended);
    shared->cluster = cluster;
    char *at = map(n + FIRST);
    (void)fault_each(at, 1);
    const uint64_t time = fault_each(at + (size_t)FIRST * PAGE, n);
    const uint64_t loop = fault_each(at + (size_t)FIRST * PAGE, n);
    unmap(at, n + FIRST);
    wait_for_end(ended);
    return time - loop;
}

static uint64_t fault_pager(uint64_t n)
{
    return time_object(n, PAGE);
}

static uint64_t fault_pager_16(uint64_t n)
{
    return time_object(n, CLUSTER * PAGE);
}

/* Pages that are there, and that nobody maps. The last row: the object stays. */
static uint64_t fault_object(uint64_t n)
{
    shared->cluster = CLUSTER * PAGE;
    shared->caches = 1;
    char *at = map(n);
    (void)fault_each(at, n);
    unmap(at, n);
    at = map(n);
    const uint64_t time = show_each(at, n), loop = show_each(at, n);
    unmap(at, n);
    return time - loop;
}

/* Pages that are there, and that others map. */
static uint64_t fault_object_mapped(uint64_t n)
{
    const uint32_t ended = atomic_load(&shared->ended);
    shared->cluster = CLUSTER * PAGE;
    char *first = map(n), *second = map(n);
    (void)fault_each(first, n);
    const uint64_t time = show_each(second, n), loop = show_each(second, n);
    unmap(first, n);
    unmap(second, n);
    wait_for_end(ended);
    return time - loop;
}

/* ---- */

static void start_pager(struct clone *pager)
{
    mach_port_name_t name;
    uint64_t at = 0;
    OK(vm_map(self, 0, sizeof(*shared), 0, VM_ANYWHERE, MSG_NULL, READ_WRITE, READ_WRITE,
              VM_INHERIT_SHARE, &at));
    shared = (struct shared *)at;
    OK(port_allocate(self, PORT_RIGHT_RECEIVE, &shared->port));
    OK(port_insert_made_send(self, shared->port, shared->port, &name));
    for (unsigned page = 0; page < STORE; page++)
        shared->store[(size_t)page * PAGE] = (char)page;
    OK(clone_make(pager, serve, NULL, THREAD_PRIORITY_DEFAULT));
    OK(clone_give_receive(pager, shared->port));
    OK(clone_run(pager));
}

static const struct row rows[] = {
    {"fault_pager", fault_pager, NULL},
    {"fault_pager_16", fault_pager_16, NULL},
    {"fault_object_mapped", fault_object_mapped, NULL},
    {"fault_object", fault_object, NULL},
};

int main(int argc, char **argv)
{
    struct clone pager;
    self = program_start_info->task;
    start_pager(&pager);
    rows_run(rows, sizeof(rows) / sizeof(rows[0]), 0, argc, argv);
    clone_end(&pager);
    print("bench: done\n");
    return 0;
}
