/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * svc: the programs the supervisor runs.
 */
#include "tool.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/supervisor.h>

static const struct tool tool = {
    .name = "svc",
    .usage = "[list] | start|stop|restart|fault NAME... | upgrade NAME FILE",
    .options = "",
    .help =
        "list     all programs: state, restarts, status of the last end, time from the last death to the next `ready`\n"
        "stop     asks the program to end; it is not started again\n"
        "restart  stop and start\n"
        "fault    ends it as a crash would, to see what becomes of it\n"
        "upgrade  the next instance is of another file of the initrd\n",
};

static int list(mach_port_name_t supervisor)
{
    static const char *const states[] = {"stopped", "waiting",  "starting",
                                         "running", "stopping", "failed"};
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, count;

    puts("NAME             STATE    RESTARTS STATUS RECOVERY");
    do {
        const kern_return_t kr = supervisor_list(supervisor, position, &position, rows, &count);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", tool_error(kr));
        for (uint32_t i = 0; i < count; i++) {
            const struct supervisor_row *row = &rows[i];
            const char *state =
                row->state < sizeof states / sizeof states[0] ? states[row->state] : "?";
            printf("%-16.64s %-8s %8" PRIu32 " %6" PRIu32 " ", (const char *)row->name, state,
                   row->restarts, row->last_status);
            if (row->recovery != 0)
                printf("%" PRIu64 " us\n", row->recovery / 1000);
            else
                puts("-");
        }
    } while (count == SUPERVISOR_ROWS_MAX);
    return tool_end(&tool, false);
}

static const struct {
    const char *word;
    kern_return_t (*call)(mach_port_name_t supervisor, const char *name);
} verbs[] = {
    {"start", supervisor_start},
    {"stop", supervisor_stop},
    {"restart", supervisor_restart},
    {"fault", supervisor_kill},
};

static bool is_done(const char *name, kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s: %s", name, tool_error(kr));
    return kr == KERN_SUCCESS;
}

int main(int argc, char **argv)
{
    while (tool_option(&tool, argc, argv) != -1)
        ;
    const int count = argc - optind;
    char **words = argv + optind;
    if (count == 0 || (count == 1 && strcmp(words[0], "list") == 0))
        return list(tool_service(&tool, "supervisor"));
    if (count == 3 && strcmp(words[0], "upgrade") == 0) {
        const mach_port_name_t supervisor = tool_service(&tool, "supervisor");
        return tool_end(&tool,
                        !is_done(words[1], supervisor_upgrade(supervisor, words[1], words[2])));
    }
    for (unsigned i = 0; count >= 2 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(words[0], verbs[i].word) != 0)
            continue;
        const mach_port_name_t supervisor = tool_service(&tool, "supervisor");
        bool failed = false;
        for (int n = 1; n < count; n++)
            failed |= !is_done(words[n], verbs[i].call(supervisor, words[n]));
        return tool_end(&tool, failed);
    }
    tool_misuse(&tool);
}
