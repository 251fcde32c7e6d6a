/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `procfs` (procfs.h).
 *
 * Arguments: service=NAME (proc), what it is mounted by; opens=N. It uses the services process.inspect, files and, if it may, mounts and swap.
 */
#include "procfs.h"
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>

enum { OPENS = 256, WAITS = 64 };

struct file_server procfs_server;
mach_port_name_t procfs_processes, procfs_files, procfs_mounts, procfs_swap;

static mach_port_name_t look_up_if_any(const char *name)
{
    mach_port_name_t service;

    return service_look_up(program_start_info->bootstrap, name, &service) == KERN_SUCCESS
               ? service
               : MSG_NULL;
}

/* Without the program `files` there are no mounts to be told, without the mounter no devices of theirs, without the default pager no swap areas. */
static kern_return_t look_up(void)
{
    procfs_files = look_up_if_any("files");
    procfs_mounts = look_up_if_any("mounts");
    procfs_swap = look_up_if_any("swap");
    return service_look_up(program_start_info->bootstrap, "process.inspect", &procfs_processes);
}

int main(int argc, char **argv)
{
    const char *opens = program_argument(argc, argv, "opens", NULL);
    const struct file_server_limits limits = {
        .opens = opens ? (uint32_t)strtoul(opens, NULL, 0) : OPENS,
        .waits = WAITS,
    };
    kern_return_t kr = look_up();

    if (kr == KERN_SUCCESS)
        kr = file_server_begin(&procfs_server, &limits, MSG_NULL);
    if (kr == KERN_SUCCESS)
        kr = load_begin();
    if (kr == KERN_SUCCESS)
        kr = file_server_root(&procfs_server, program_argument(argc, argv, "service", "proc"),
                              &procfs_root.node);
    if (kr == KERN_SUCCESS)
        kr = file_server_run(&procfs_server, NULL, 0);
    print("procfs: it ends: error %d\n", (int)kr);
    return 1;
}
