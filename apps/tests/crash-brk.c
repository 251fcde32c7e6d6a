/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes a breakpoint that no debugger has set.
 */
#include "crash.h"
#include <user/bad.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", (const void *)(uintptr_t)bad_breakpoint);
    bad_breakpoint();
    return crash_survived();
}
