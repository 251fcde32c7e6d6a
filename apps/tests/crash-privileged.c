/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a register that belongs to the kernel.
 */
#include "crash.h"
#include <user/bad.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", (const void *)(uintptr_t)bad_privileged);
    bad_privileged();
    return crash_survived();
}
