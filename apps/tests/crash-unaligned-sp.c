/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses a stack pointer that is no multiple of 16.
 */
#include "crash.h"
#include <user/bad.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", (const void *)(uintptr_t)bad_sp_alignment);
    bad_sp_alignment();
    return crash_survived();
}
