/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uptime: how long the machine has been running, and how busy its processors are.
 */
#include "tool.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "uptime",
    .usage = "",
    .options = "",
    .help =
        "Print the time of day, how long ago the machine was switched on, and its processors and memory.\n",
};

int main(int argc, char **argv)
{
    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (optind < argc)
        tool_misuse(&tool);
    const uint64_t seconds = kernel_clock_now() / UINT64_C(1000000000);
    const time_t now = time(NULL);
    const struct tm *day = gmtime(&now);
    if (day)
        printf(" %02d:%02d:%02d", day->tm_hour, day->tm_min, day->tm_sec);
    printf(" up ");
    if (seconds >= 86400)
        printf("%" PRIu64 " days, ", seconds / 86400);
    printf("%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600 % 24, seconds / 60 % 60,
           seconds % 60);
    printf(", %" PRIu64 " CPUs, %" PRIu64 " MiB of memory, %" PRIu64 " MiB free\n",
           kernel_system_info(SYSTEM_INFO_CPUS_ONLINE),
           kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) >> 20,
           kernel_system_info(SYSTEM_INFO_FREE_FRAMES) * 4096 >> 20);
    return tool_end(&tool, false);
}
