/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * free: how much memory there is, and swap.
 */
#include "tool.h"
#include <inttypes.h>
#include <libsys/program.h>
#include <stdio.h>
#include <unistd.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>

static const struct tool tool = {
    .name = "free",
    .usage = "[-b|-k|-m]",
    .options = "bkm",
    .help = "Show memory: all, in use, free, wired, promised to programs; and the swap area.\n"
            "  -b -k -m  in bytes, KiB (as without), MiB\n",
};

enum { PAGE = 4096 };
static unsigned shift = 10;

static uint64_t in_units(uint64_t pages)
{
    return pages * PAGE >> shift;
}

static void show_swap(void)
{
    struct host_memory_swap swap;

    if (host_memory_get_swap(tool_power(&tool, "host_memory"), &swap) != KERN_SUCCESS)
        return;
    printf("Swap:  %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", in_units(swap.slots),
           in_units(swap.used), in_units(swap.slots - swap.used));
}

int main(int argc, char **argv)
{
    struct host_memory_statistics m;
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1)
        shift = option == 'b' ? 0 : option == 'k' ? 10 : 20;
    if (optind < argc)
        tool_misuse(&tool);
    const kern_return_t kr = host_memory_statistics(program_start_info->host, &m);
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", tool_error(kr));
    printf("       %12s %12s %12s %12s %12s\n", "total", "used", "free", "wired", "promised");
    printf("Mem:   %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
           in_units(m.managed), in_units(m.managed - m.free), in_units(m.free), in_units(m.wired),
           in_units(m.committed));
    show_swap();
    return tool_end(&tool, false);
}
