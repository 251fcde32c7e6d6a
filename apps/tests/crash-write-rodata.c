/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a constant.
 */
#include "crash.h"

static const volatile int constant = 1;

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;

    crash_announce("write", &constant);
    *(volatile int *)(uintptr_t)&constant = 2;
    return crash_survived();
}
