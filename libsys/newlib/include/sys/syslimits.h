/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's limits, with those that are others here.
 */
#include_next <sys/syslimits.h>

#undef OPEN_MAX
#define OPEN_MAX 1024
#undef PIPE_BUF
#define PIPE_BUF 4096
#undef CHILD_MAX /* depends: sysconf() */
#undef ARG_MAX
#define ARG_MAX 131072
#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif
