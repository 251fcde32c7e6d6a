/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lsdev: the machine's devices and who drives them.
 */
#include "tool.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/devices.h>

static const struct tool tool = {
    .name = "lsdev",
    .usage = "[-v]",
    .options = "v",
    .help = "List the nodes of the device tree, and the devices behind buses.\n"
            "  -v      in words: what each is, which driver has it, or why it has none\n",
};

static bool in_words;
static mach_port_name_t devices;

static bool explain(const char *path)
{
    static char text[DEVICES_TEXT_MAX];
    const kern_return_t kr = devices_explain(devices, path, text);

    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s: %s", path, tool_error(kr));
    else
        printf("%s%s", text, text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
    return kr == KERN_SUCCESS;
}

int main(int argc, char **argv)
{
    static char paths[DEVICES_TEXT_MAX];
    uint32_t position = 0;
    bool failed = false;

    while (tool_option(&tool, argc, argv) != -1)
        in_words = true;
    if (optind < argc)
        tool_misuse(&tool);
    devices = tool_service(&tool, "devices");
    do {
        const kern_return_t kr = devices_list(devices, position, &position, paths);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", tool_error(kr));
        if (!in_words)
            fputs(paths, stdout);
        for (char *path = in_words ? strtok(paths, "\n") : NULL; path; path = strtok(NULL, "\n"))
            failed |= !explain(path);
    } while (position != 0);
    return tool_end(&tool, failed);
}
