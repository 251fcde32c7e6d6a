/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients' side of the tests of pagers (vm-pager.h): mapping, and what exceptions tell of pages.
 */
#include "vm-pager.h"
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <user/msg.h>
#include <wharf/if/exception.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

struct pager *pager;
static struct clone server;
mach_port_name_t pager_port;

mach_port_name_t new_port(void)
{
    mach_port_name_t made = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &made));
    OK(port_insert_made_send(me(), made, made, &name));
    return made;
}

/* ---- the pager's task, and its object ---- */

struct pager *make_pager(enum deed deed)
{
    uint64_t at = 0;
    OK(vm_map(me(), 0, sizeof(*pager), 0, VM_ANYWHERE, MSG_NULL, READ_WRITE, READ_WRITE,
              VM_INHERIT_SHARE, &at));
    struct pager *made = (void *)(uintptr_t)at;
    *made = (struct pager){.deed = deed, .collects = 1};
    pager_fill(made);
    return made;
}

void start_pager(enum deed deed)
{
    if (!pager)
        pager = make_pager(deed);
    *pager = (struct pager){.deed = deed, .collects = 1};
    pager_fill(pager);
    pager_port = pager->port = new_port();
    OK(clone_make(&server, pager_serve, pager, THREAD_PRIORITY_DEFAULT + 1));
    OK(clone_give_receive(&server, pager_port));
    OK(clone_run(&server));
}

void end_pager(void)
{
    clone_end(&server);
    OK(port_deallocate(me(), pager_port));
    CHECK_EQUAL(atomic_load(&pager->error), 0);
}

volatile uint64_t *map_pager(uint32_t flags)
{
    uint64_t at = 0;
    OK(vm_map(me(), 0, SIZE, 0, VM_ANYWHERE | flags, pager_port, READ_WRITE, READ_WRITE,
              VM_INHERIT_SHARE, &at));
    return (void *)(uintptr_t)at;
}

void unmap(volatile uint64_t *memory)
{
    OK(vm_deallocate(me(), (uintptr_t)memory, SIZE));
}

bool comes(_Atomic uint32_t *count, uint32_t wanted)
{
    uint64_t until = kernel_clock_now() + UINT64_C(20000000000);
    while (atomic_load(count) < wanted && kernel_clock_now() < until)
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
    return atomic_load(count) >= wanted;
}

void poke(void)
{
    struct msg_registers m = {.destination = pager_port,
                              .id = MSG_ID_SEND_POSSIBLE,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, 8, 0),
                              .deadline = UINT64_MAX};
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
}

/* The read is stepped over, and was answered with this error and reason. */
void expect_error(volatile uint64_t *at, kern_return_t kr, uint64_t reason)
{
    uint32_t before = atomic_load(&raised);
    (void)*at;
    CHECK_EQUAL(atomic_load(&raised), before + 1);
    CHECK_EQUAL(atomic_load(&raised_address), (uintptr_t)at);
    CHECK_EQUAL(atomic_load(&raised_code), EXCEPTION_CODE_PAGE | (uint64_t)kr | reason << 32);
}
