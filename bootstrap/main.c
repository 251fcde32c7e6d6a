/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor: the first program, which starts all others as one text says, names services, and starts again what has ended
 * (bootstrap/README.md).
 *
 * It never waits for a program: it calls nobody but the kernel's objects, and whatever else takes time comes back as a message to its set of
 * ports, or has a deadline there. Its own memory stays in memory, and its end restarts the machine.
 */
#include "dumper.h"
#include "events.h"
#include "log.h"
#include "reporter.h"
#include "reserve.h"
#include "restart.h"
#include "rights.h"
#include "shedding.h"
#include "system.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/host_tasks.h>

enum { PRIORITY = 240 /* above all that it starts */, STATUS_NOTHING = 1 };

static void set_essential(bool essential)
{
    const struct start_info *info = program_start_info;
    if (host_tasks_set_essential(info->host_tasks, info->task, essential) != KERN_SUCCESS)
        log_line("the kernel does not restart the machine when I end");
}

int main(void)
{
    const struct start_info *info = program_start_info;
    if (rights_begin() != KERN_SUCCESS || !system_begin() || reporter_begin() != KERN_SUCCESS ||
        dumper_begin() != KERN_SUCCESS)
        return STATUS_NOTHING;
    if (kernel_thread_set_priority(PRIORITY) != KERN_SUCCESS)
        log_line("my priority cannot be raised");
    if (host_memory_wire_all(info->host_memory, info->task, HOST_MEMORY_WIRE_CURRENT) !=
        KERN_SUCCESS) /* cores come later, and need not stay */
        log_line("my memory cannot be kept in memory");
    if (host_memory_set_reclaim(info->host_memory, info->task, true) != KERN_SUCCESS)
        log_line("drivers may not be started again while memory is short");
    reserve_begin();
    shedding_begin();
    set_essential(true);
    restart_begin();
    const unsigned status = events_run();
    set_essential(false);
    reserve_end();
    return (int)status;
}
