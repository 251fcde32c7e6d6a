/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes an undefined instruction.
 */
#include "crash.h"
#include <user/bad.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    crash_announce("execute", (const void *)(uintptr_t)bad_undefined);
    bad_undefined();
    return crash_survived();
}
