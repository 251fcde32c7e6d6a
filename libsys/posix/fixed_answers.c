/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about the system that have one answer here.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *ctermid(char *name)
{
    static char own[L_ctermid];

    return strcpy(name != NULL ? name : own, "/dev/tty");
}

/* It is on no network. */
long gethostid(void)
{
    return 0;
}

/* No program has more rights than who started it gave it by intent. */
int issetugid(void)
{
    return 0;
}
