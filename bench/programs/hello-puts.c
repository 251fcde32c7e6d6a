/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that says something: how large is it? (bench.py: hello_text)
 */
#include <stdio.h>

int main(void)
{
    puts("hello");
    return 0;
}
