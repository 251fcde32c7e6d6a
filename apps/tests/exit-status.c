/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends with the status given as the first argument.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
    return argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
}
