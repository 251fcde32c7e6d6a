/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jumps to an address that is no multiple of 4.
 */
#include "crash.h"
#include <user/bad.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", (const void *)(uintptr_t)bad_pc_alignment);
    bad_pc_alignment();
    return crash_survived();
}
