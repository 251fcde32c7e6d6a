/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, which names types that it does not include.
 */
#include <sys/types.h>

/* Not a moment earlier. */
#include_next <regex.h>
