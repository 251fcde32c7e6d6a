/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What objects of the kernel cost it in memory: free pages before and after many were made, in bytes for each. What
 * lies half full at the end is in it. The argument is another number than MANY: for those who look at something else.
 */
#include "series.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <wharf/if/port.h>
#include <wharf/if/rpc.h>
#include <wharf/if/task.h>

enum { MANY = 1000, PAGE = 4096 };

static mach_port_name_t self, queue;

static kern_return_t make_name(void)
{
    mach_port_name_t name;
    return port_allocate(self, PORT_RIGHT_DEAD, &name);
}

static kern_return_t make_port(void)
{
    mach_port_name_t name;
    return port_allocate(self, PORT_RIGHT_RECEIVE, &name);
}

static kern_return_t make_send_once(void)
{
    mach_port_name_t name;
    return port_extract_send_once(self, queue, PORT_HOW_MAKE_SEND_ONCE, &name);
}

static kern_return_t queue_message(void)
{
    static const uint64_t words[8];
    return rpc_post(queue, words);
}

/* It has not run: one that calls has a reply beside it. */
static kern_return_t make_thread(void)
{
    mach_port_name_t name;
    uint32_t id;
    return task_create_thread(self, (uintptr_t)sys_thread_exit, 0x1000, 0, 0,
                              THREAD_PRIORITY_DEFAULT, false, &name, &id);
}

static kern_return_t make_task(void)
{
    mach_port_name_t name, itself;
    return task_create(self, 0, "", NULL, 0, MSG_NULL, &name, &itself);
}

/* Each with the names it has in this task, which name_bytes tells alone. */
static const struct {
    const char *name;
    kern_return_t (*make)(void);
} rows[] = {
    {"name_bytes", make_name},           {"port_bytes", make_port},
    {"send_once_bytes", make_send_once}, {"queued_message_bytes", queue_message},
    {"thread_bytes", make_thread},       {"task_bytes", make_task},
};

static void measure(const char *name, kern_return_t (*make)(void), unsigned many)
{
    unsigned failed = 0;
    const uint64_t before = kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    for (unsigned i = 0; i < many; i++)
        failed |= make();
    const uint64_t after = kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    CHECK_EQUAL(failed, KERN_SUCCESS);
    const uint64_t bytes = (before - after) * PAGE;
    print("bench: %s bytes %u %lu %lu %lu\n", name, many, bytes, bytes, bytes);
}

int main(int argc, char **argv)
{
    const unsigned many = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : MANY;
    mach_port_name_t name;
    self = program_start_info->task;
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &queue), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self, queue, queue, &name), KERN_SUCCESS);
    CHECK_EQUAL(port_set_limits(self, queue, 1024, 1 << 20), KERN_SUCCESS);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        measure(rows[i].name, rows[i].make, many);
    print("bench: done\n");
    return 0;
}
