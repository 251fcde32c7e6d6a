/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmstat: what happens to memory, once or every so many seconds.
 */
#include "tool.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdio.h>
#include <unistd.h>
#include <wharf/if/host.h>

static const struct tool tool = {
    .name = "vmstat",
    .usage = "[SECONDS [COUNT]]",
    .options = "",
    .help =
        "Show pages free, active and inactive, and since the line before (the first: since the start) faults,\n"
        "pages of zeroes, copies, pages in and out of pagers and of the swap area.\n",
};

static struct host_memory_statistics take(void)
{
    struct host_memory_statistics now;
    const kern_return_t kr = host_memory_statistics(program_start_info->host, &now);

    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", tool_error(kr));
    return now;
}

static void show(const struct host_memory_statistics *now,
                 const struct host_memory_statistics *before)
{
    printf("%9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %7" PRIu64
           " %7" PRIu64 " %7" PRIu64 " %7" PRIu64 "\n",
           now->free, now->active, now->inactive, now->faults - before->faults,
           now->zero_fills - before->zero_fills, now->copies - before->copies,
           now->page_ins - before->page_ins, now->page_outs - before->page_outs,
           now->swap_ins - before->swap_ins, now->swap_outs - before->swap_outs);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct host_memory_statistics before = {.managed = 0};

    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (argc - optind > 2)
        tool_misuse(&tool);
    const uint64_t seconds = optind < argc ? tool_number(&tool, argv[optind]) : 0;
    uint64_t count = optind + 1 < argc ? tool_number(&tool, argv[optind + 1]) : 0;
    const bool forever = optind + 1 == argc && seconds > 0;
    puts(
        "     free   active inactive   faults    zeros   copies pageins pageouts swapins swapouts");
    for (uint64_t next = kernel_clock_now();;) {
        const struct host_memory_statistics now = take();
        show(&now, &before);
        before = now;
        if (!forever && (count == 0 || --count == 0))
            break;
        next += seconds * UINT64_C(1000000000);
        (void)kernel_sleep_until(next);
    }
    return tool_end(&tool, false);
}
