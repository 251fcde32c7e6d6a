/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about the system that have one answer here.
 */
#include <unistd.h>

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
