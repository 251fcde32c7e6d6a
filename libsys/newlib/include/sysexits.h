/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statuses that programs end with, as BSD's systems number them.
 */
#pragma once

#define EX_OK          0
#define EX__BASE       64
#define EX_USAGE       64 /* it was called wrongly */
#define EX_DATAERR     65 /* the data are wrong */
#define EX_NOINPUT     66 /* an input cannot be read */
#define EX_NOUSER      67
#define EX_NOHOST      68
#define EX_UNAVAILABLE 69 /* a service */
#define EX_SOFTWARE    70 /* the program is wrong */
#define EX_OSERR       71 /* the system cannot do it */
#define EX_OSFILE      72 /* a file of the system */
#define EX_CANTCREAT   73 /* an output cannot be made */
#define EX_IOERR       74
#define EX_TEMPFAIL    75 /* it may be tried again */
#define EX_PROTOCOL    76
#define EX_NOPERM      77
#define EX_CONFIG      78
#define EX__MAX        78
