/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmesg: the system's log: the kernel's lines, the supervisor's, and those of programs that have no terminal.
 */
#include "tool.h"
#include <libsys/kernel.h>
#include <stdio.h>
#include <unistd.h>
#include <wharf/if/host_debug.h>

static const struct tool tool = {
    .name = "dmesg",
    .usage = "[-w]",
    .options = "w",
    .help = "Print the log, what there is left of it.\n"
            "  -w      go on with what comes\n",
};

int main(int argc, char **argv)
{
    static uint8_t text[HOST_DEBUG_TEXT_MAX];
    uint64_t position = 0;
    uint32_t size;
    bool goes_on = false;

    while (tool_option(&tool, argc, argv) != -1)
        goes_on = true;
    if (optind < argc)
        tool_misuse(&tool);
    const mach_port_name_t log = tool_power(&tool, "host_debug");
    for (;;) {
        const kern_return_t kr = host_debug_read_log(log, position, &position, text, &size);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", tool_error(kr));
        if (fwrite(text, 1, size, stdout) < size)
            break;
        if (size > 0)
            continue;
        if (!goes_on)
            break;
        fflush(stdout);
        (void)kernel_sleep_until(kernel_clock_now() + UINT64_C(200000000));
    }
    return tool_end(&tool, false);
}
