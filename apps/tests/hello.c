/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest program.
 */
#include <libsys/print.h>
#include <libsys/program.h>

int main(int argc, char **argv)
{
    print("hello: this is %s with %d arguments\n", argv[0], argc - 1);
    return 0;
}
