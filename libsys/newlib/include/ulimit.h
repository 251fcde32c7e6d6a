/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The older form of getrlimit(RLIMIT_FSIZE).
 */
#pragma once

#include <sys/cdefs.h>

#define UL_GETFSIZE 1
#define UL_SETFSIZE 2

__BEGIN_DECLS
long ulimit(int command, ...);
__END_DECLS
