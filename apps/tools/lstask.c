/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lstask: the tasks of the machine, with what their ledgers count.
 */
#include "tasks.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "lstask",
    .usage = "[-l]",
    .options = "l",
    .help =
        "List all tasks: number, threads, pages they have and were promised, ports, memory the kernel uses for them.\n"
        "  -l      limits, too\n",
};

/* In the order of wharf/abi/ledgers.def. */
enum { FRAMES, WIRED, COMMITMENT, KMEM, PAGE_TABLES, THREADS, PORTS };

static bool limits;

static void show_limit(const char *what, int64_t limit)
{
    if (limit != TASK_INFO_NO_LIMIT)
        printf("        %s at most %" PRId64 "\n", what, limit);
}

static bool show(void *context, mach_port_name_t task, const struct task_info *info)
{
    (void)context;
    (void)task;
    printf("%5" PRIu32 " %7" PRIu32 " %8" PRId64 " %8" PRId64 " %6" PRId64 " %6" PRId64 "K %s%s\n",
           info->id, info->threads, info->used[FRAMES], info->used[COMMITMENT], info->used[PORTS],
           info->used[KMEM] / 1024, info->name, info->suspend_count > 0 ? " (suspended)" : "");
    if (limits) {
        show_limit("pages", info->limit[FRAMES]);
        show_limit("promised pages", info->limit[COMMITMENT]);
        show_limit("threads", info->limit[THREADS]);
    }
    return true;
}

int main(int argc, char **argv)
{
    while (tool_option(&tool, argc, argv) != -1)
        limits = true;
    if (optind < argc)
        tool_misuse(&tool);
    puts(" TASK THREADS    PAGES PROMISED  PORTS  KERNEL NAME");
    tasks_each(&tool, show, NULL);
    return tool_end(&tool, false);
}
