/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same with all that printf() can do. (bench.py: hello_printf_text)
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("hello: %s has %d arguments\n", argv[0], argc);
    return 0;
}
