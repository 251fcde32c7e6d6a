/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This process: its port, its numbers, its end. A program of the supervisor's becomes a process when it first asks for something that only processes have.
 */
#include "process.h"
#include "../newlib/calls.h"
#include "errors.h"
#include "file_locks.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/trap.h>
#include <unistd.h>
#include <wharf/if/process.h>
#include <wharf/if/processes.h>
#include <wharf/if/service.h>

static struct mutex lock;
static mach_port_name_t port; /* written with the lock held, or before there are threads */

static void adopt(void)
{
    mach_port_name_t service, got;
    int32_t pid;
    if (program_start_info->process != MSG_NULL) {
        port = program_start_info->process;
        return;
    }
    if (program_start_info->bootstrap == MSG_NULL ||
        service_look_up(program_start_info->bootstrap, "process", &service) != KERN_SUCCESS)
        return;
    if (processes_adopt(service, program_start_info->task, program_start_info->name, &pid, &got) ==
        KERN_SUCCESS)
        port = got;
    stub_release_right(service, MSG_MOVE_SEND);
}

mach_port_name_t process_port(void)
{
    if (port == MSG_NULL) {
        mutex_lock(&lock);
        if (port == MSG_NULL)
            adopt();
        mutex_unlock(&lock);
    }
    if (port == MSG_NULL)
        errno = ENOSYS;
    return port;
}

mach_port_name_t process_port_now(void)
{
    return port != MSG_NULL || program_start_info->process == MSG_NULL ? port : process_port();
}

void process_became_child(mach_port_name_t new_port)
{
    port = new_port;
}

/* The server ends the task. It answers whom the supervisor has to be told of. */
void process_leave(int status)
{
    if (process_port_now() == MSG_NULL)
        return;
    if (file_locks_leave != NULL)
        file_locks_leave();
    (void)!process_exit(port, status);
}

bool process_ids(struct process_ids *ids)
{
    const mach_port_name_t to = process_port();
    return to != MSG_NULL && process_get_ids(to, ids) == KERN_SUCCESS;
}

int _getpid(void)
{
    struct process_ids ids;
    return process_ids(&ids) ? ids.pid : 1;
}

pid_t getppid(void)
{
    struct process_ids ids;
    return process_ids(&ids) ? ids.ppid : 0;
}
