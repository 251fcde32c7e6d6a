/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an address of the kernel.
 */
#include "crash.h"

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const volatile int *secret = crash_pointer(0xffff800000000000);

    crash_announce("read", secret);
    (void)*secret;
    return crash_survived();
}
