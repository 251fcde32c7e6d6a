/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poweroff, reboot: the end of the system, in order. One source; TOOL_REBOOT says which.
 */
#include "tool.h"
#include <unistd.h>
#include <wharf/if/supervisor.h>

#ifdef TOOL_REBOOT
enum { HOW = SUPERVISOR_ENDING_REBOOT };
#define NAME "reboot"
#define THEN "then the machine begins anew"
#else
enum { HOW = SUPERVISOR_ENDING_POWER_OFF };
#define NAME "poweroff"
#define THEN "then the machine is switched off"
#endif

static const struct tool tool = {
    .name = NAME,
    .usage = "[-f]",
    .options = "f",
    .help = "All programs are stopped in order, who is used after who uses it, " THEN ".\n"
            "  -f      is taken and changes nothing\n",
};

int main(int argc, char **argv)
{
    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (optind < argc)
        tool_misuse(&tool);
    const kern_return_t kr = supervisor_end(tool_service(&tool, "supervisor"), HOW, 0);
    if (kr != KERN_SUCCESS && kr != KERN_BUSY)
        tool_fail(&tool, "%s", tool_error(kr));
    return tool_end(&tool, false);
}
