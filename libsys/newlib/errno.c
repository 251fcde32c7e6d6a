/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where errno is, for objects that ask by a call: parts of newlib that were compiled before they knew that it is a variable of each thread (sys/config.h before newlib.h).
 */
#include <errno.h>

int *__errno(void);

int *__errno(void)
{
    return &errno;
}
