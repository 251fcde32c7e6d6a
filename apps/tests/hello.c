/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What everybody's first program looks like.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("hello: this is %s with %d arguments\n", argv[0], argc - 1);
}
