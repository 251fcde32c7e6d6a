/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, which goes by what newlib.h says and does not include it: whoever comes by another way (sys/param.h, limits.h) would get an errno, and a struct _reent, that are not there.
 */
#include <newlib.h>

/* Not a moment earlier. */
#include_next <sys/config.h>
