/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lsport: the names a task has, and what they denote.
 */
#include "tasks.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <wharf/if/port.h>

static const struct tool tool = {
    .name = "lsport",
    .usage = "[-r] TASK...",
    .options = "r",
    .help = "List the rights of tasks, which are given by number or name (lstask).\n"
            "  -r      only ports that they receive from, and what waits there\n",
};

static bool only_received;

static void show_rights(uint32_t rights)
{
    static const struct {
        uint32_t right;
        const char *word;
    } words[] = {
        {PORT_RIGHT_SEND, "send"}, {PORT_RIGHT_RECEIVE, "receive"}, {PORT_RIGHT_SEND_ONCE, "once"},
        {PORT_RIGHT_SET, "set"},   {PORT_RIGHT_DEAD, "dead"},
    };
    char text[48];
    int n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (rights & words[i].right)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", n > 0 ? "," : "",
                          words[i].word);
    printf("%-14s", text);
}

static void show_received(mach_port_name_t task, uint32_t name)
{
    struct port_receive_status status;

    if (port_get_receive_status(task, name, &status) != KERN_SUCCESS)
        return;
    printf(" %4" PRIu32 "/%-4" PRIu32 " waiting, %" PRIu32 " senders", status.messages,
           status.message_limit, status.senders);
    if (status.set != 0)
        printf(", in set %" PRIx32, status.set);
    if (status.has_payload)
        printf(", payload %" PRIx64, status.payload);
}

static void show(mach_port_name_t task, uint32_t name, uint32_t rights)
{
    uint32_t refs = 0;

    if (only_received && !(rights & PORT_RIGHT_RECEIVE))
        return;
    printf("%8" PRIx32 " ", name);
    show_rights(rights);
    if ((rights & PORT_RIGHT_SEND) &&
        port_get_refs(task, name, PORT_RIGHT_SEND, &refs) == KERN_SUCCESS)
        printf(" %5" PRIu32, refs);
    else
        printf("     -");
    if (rights & PORT_RIGHT_RECEIVE)
        show_received(task, name);
    putchar('\n');
}

static bool show_task(const char *which)
{
    uint32_t names[PORT_NAMES_MAX], rights[PORT_NAMES_MAX], count, rights_count, position = 0;
    struct task_info info;
    const mach_port_name_t task = tasks_find(&tool, which, &info);

    if (task == MSG_NULL) {
        tool_complain(&tool, "%s: there is no such task", which);
        return false;
    }
    printf("%s, task %" PRIu32 "\n    NAME RIGHTS          REFS QUEUE\n", info.name, info.id);
    do {
        if (port_names(task, position, &position, names, &count, rights, &rights_count) !=
            KERN_SUCCESS)
            return false;
        for (uint32_t i = 0; i < count; i++)
            show(task, names[i], rights[i]);
    } while (position != 0);
    return true;
}

int main(int argc, char **argv)
{
    bool failed = false;

    while (tool_option(&tool, argc, argv) != -1)
        only_received = true;
    if (optind == argc)
        tool_misuse(&tool);
    for (int i = optind; i < argc; i++)
        failed |= !show_task(argv[i]);
    return tool_end(&tool, failed);
}
