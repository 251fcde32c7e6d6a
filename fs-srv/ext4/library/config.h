/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What e2fsprogs' configure would find out, for both machines that libext2fs is compiled for.
 */
#pragma once

#define HAVE_ERRNO_H     1
#define HAVE_SYS_STAT_H  1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H    1
#define HAVE_STRNLEN     1
#define SIZEOF_INT       4
#define SIZEOF_LONG      8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_TIME_T    8
#define SIZEOF_OFF_T     8
