/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends with the status given as the first argument.
 */
#include <libsys/program.h>

int main(int argc, char **argv)
{
    int status = 0;

    for (const char *c = argc > 1 ? argv[1] : "0"; *c >= '0' && *c <= '9'; c++)
        status = status * 10 + (*c - '0');
    return status;
}
