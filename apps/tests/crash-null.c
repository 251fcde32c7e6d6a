/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads address 0, through a pointer with an offset.
 */
#include "crash.h"

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const volatile int *nothing = crash_pointer(16);

    crash_announce("read", nothing);
    (void)*nothing;
    return crash_survived();
}
