/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages: sent, received, and given back untouched, in one task. The sender has written every page before; it has not
 * again. Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/check.h>
#include <libsys/program.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { MEGABYTE = 1 << 20, PAGE = 4096 };

static mach_port_name_t self, port;
static char *memory;

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

static kern_return_t transfer(const void *address, uint32_t size)
{
    struct msg_descriptor d = {.value = (uintptr_t)address, .size = size, .kind = MSG_OOL_MEMORY};
    struct msg_registers m = {.destination = port,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, sizeof(d), 1),
                              .receive = port,
                              .deadline = UINT64_MAX};
    memcpy(m.word, &d, sizeof(d));
    user_msg_trap(&m);
    memcpy(&d, m.word, sizeof(d));
    return m.result == 0 ? vm_deallocate(self, d.value / PAGE * PAGE, size)
                         : (kern_return_t)-m.result;
}

static uint64_t ool_1m(uint64_t n)
{
    ROW_LOOP(n, transfer(memory, MEGABYTE));
}

static uint64_t ool_4k(uint64_t n)
{
    ROW_LOOP(n, transfer(memory, PAGE));
}

/* A part of a page, which is copied. */
static uint64_t ool_1k(uint64_t n)
{
    ROW_LOOP(n, transfer(memory, PAGE / 4));
}

static const struct row rows[] = {
    {"ool_1m", ool_1m, NULL},
    {"ool_4k", ool_4k, NULL},
    {"ool_1k", ool_1k, NULL},
};

int main(int argc, char **argv)
{
    mach_port_name_t name;
    uint64_t at = 0;
    self = program_start_info->task;
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self, port, port, &name), KERN_SUCCESS);
    CHECK_EQUAL(vm_allocate(self, 0, MEGABYTE, VM_ANYWHERE, &at), KERN_SUCCESS);
    memory = (char *)(uintptr_t)at;
    memset(memory, 1, MEGABYTE);
    rows_run(rows, sizeof(rows) / sizeof(rows[0]), empty(REPEATS), argc, argv);
    print("bench: done\n");
    return 0;
}
