/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jumps into its data.
 */
#include "crash.h"

static unsigned code[] = {0xd65f03c0}; /* ret */

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", code);
    ((void (*)(void))(uintptr_t)code)();
    return crash_survived();
}
