/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory is full: which process goes (shed.h). What tasks have is this test's to say; a task's ledger counts those below it.
 */
#include "../check.h"
#include "shed.h"
#include "world.h"
#include <libsys/print.h>
#include <stdarg.h>
#include <wharf/if/vm.h>

enum { TASKS = 8 };

static struct {
    mach_port_name_t task;
    uint64_t pages;
} paid[TASKS];
static unsigned tasks;
static char said[200];

kern_return_t vm_usage(mach_port_name_t vm, struct vm_usage *usage)
{
    for (unsigned i = 0; i < tasks; i++) {
        if (paid[i].task != vm)
            continue;
        *usage = (struct vm_usage){.paid = paid[i].pages};
        return KERN_SUCCESS;
    }
    return KERN_TERMINATED;
}

void print(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(said, sizeof(said), format, list);
    va_end(list);
}

static mach_port_name_t task_with(uint64_t pages)
{
    const mach_port_name_t task = world_task(1);
    paid[tasks].task = task;
    paid[tasks++].pages = pages;
    return task;
}

static int32_t adopt(uint64_t pages)
{
    mach_port_name_t port;
    int32_t pid;
    CHECK_EQ(processes_calls.adopt(world_message(0), world_copy(task_with(pages)), "init", &pid,
                                   &port),
             KERN_SUCCESS);
    world_drop(port);
    return pid;
}

static int32_t spawn(int32_t parent, const char *name, bool session, uint64_t pages)
{
    uint32_t port;
    int32_t pid;
    CHECK_EQ(process_calls.spawn(world_message(parent), world_theirs(task_with(pages)), name, -1,
                                 session, 0, 0, &pid, &port),
             KERN_SUCCESS);
    return pid;
}

static void expect_next(int32_t pid)
{
    CHECK(table_find(pid) != NULL && table_find(pid)->state != PROCESS_ZOMBIE);
    said[0] = '\0';
    shed_one();
    world_settle();
    const struct process *p = table_find(pid);
    CHECK(p == NULL || p->state == PROCESS_ZOMBIE);
    char text[32];
    (void)snprintf(text, sizeof(text), "process %d (", pid);
    CHECK(strstr(said, text) != NULL);
}

/* The largest first, of its own pages; a session's leader below a shell is nothing special; then the shell; init never. */
static void in_order(void)
{
    world_begin();
    tasks = 0;
    const int32_t init = adopt(5000), shell = spawn(init, "sh", true, 4000),
                  make = spawn(shell, "make", false, 1700), cc = spawn(make, "cc", false, 1500),
                  daemon = spawn(shell, "daemon", true, 800), small = spawn(shell, "cat", false, 1);
    expect_next(cc);
    paid[2].pages = 200; /* make's, without what cc had */
    expect_next(daemon);
    expect_next(make);
    expect_next(small);
    expect_next(shell);
    said[0] = '\0';
    shed_one();
    CHECK(said[0] == '\0' && table_find(init)->state == PROCESS_RUNNING);
    world_end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    in_order();
    return check_end();
}
