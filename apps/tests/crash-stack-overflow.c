/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recurses until it meets the guard page below its stack.
 */
#include "crash.h"

static volatile int limit = -1;

[[gnu::noinline]] static int deeper(int depth)
{
    volatile char frame[256];

    if (depth == limit)
        return 0;
    frame[0] = (char)depth;
    return deeper(depth + 1) + frame[0];
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;

    print("crash: stack near 0x%lx\n", (unsigned long)__builtin_frame_address(0));
    (void)deeper(1);
    return crash_survived();
}
