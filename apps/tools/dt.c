/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt: the device tree as the device manager sees it.
 */
#include "tool.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/devices.h>

static const struct tool tool = {
    .name = "dt",
    .usage = "ls [NODE] | explain NODE...",
    .options = "",
    .help = "ls       the paths of nodes, those below NODE\n"
            "explain  what a node is, which driver has it, or why it has none\n",
};

static char text[DEVICES_TEXT_MAX];

static bool is_below(const char *path, const char *node)
{
    const size_t length = strlen(node);

    return strncmp(path, node, length) == 0 &&
           (path[length] == '/' || path[length] == '\0' || node[length - 1] == '/');
}

static int list(mach_port_name_t devices, const char *node)
{
    uint32_t position = 0;
    bool found = false;

    do {
        const kern_return_t kr = devices_list(devices, position, &position, text);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", tool_error(kr));
        for (char *path = strtok(text, "\n"); path; path = strtok(NULL, "\n")) {
            if (!is_below(path, node))
                continue;
            puts(path);
            found = true;
        }
    } while (position != 0);
    if (!found)
        tool_complain(&tool, "%s: there is no such node", node);
    return tool_end(&tool, !found);
}

static bool explain(mach_port_name_t devices, const char *node)
{
    const kern_return_t kr = devices_explain(devices, node, text);

    if (kr != KERN_SUCCESS) {
        tool_complain(&tool, "%s: %s", node,
                      kr == KERN_NOT_FOUND ? "there is no such node" : tool_error(kr));
        return false;
    }
    printf("%s%s", text, text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
    return true;
}

int main(int argc, char **argv)
{
    bool failed = false;

    while (tool_option(&tool, argc, argv) != -1)
        ;
    const int count = argc - optind;
    char **words = argv + optind;
    if (count >= 1 && count <= 2 && strcmp(words[0], "ls") == 0)
        return list(tool_service(&tool, "devices"), count == 2 && words[1][0] ? words[1] : "/");
    if (count < 2 || strcmp(words[0], "explain") != 0)
        tool_misuse(&tool);
    const mach_port_name_t devices = tool_service(&tool, "devices");
    for (int i = 1; i < count; i++)
        failed |= !explain(devices, words[i]);
    return tool_end(&tool, failed);
}
