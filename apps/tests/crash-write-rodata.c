/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a constant.
 */
#include "crash.h"

static const int constant[] = {1, 2};

int main(int argc, char **argv)
{
    (void)argv;

    volatile int *target = crash_pointer((uintptr_t)&constant[argc]);

    crash_announce("write", target);
    *target = 3;
    return crash_survived();
}
