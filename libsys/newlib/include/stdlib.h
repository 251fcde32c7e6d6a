/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, without two functions of its own whose names programs have for functions of theirs, and what it declares for other systems only.
 */
#ifndef _WHARF_STDLIB_H
#define _WHARF_STDLIB_H

#define itoa __newlib_itoa
#define utoa __newlib_utoa
#include_next <stdlib.h>
#undef itoa
#undef utoa

__BEGIN_DECLS
int clearenv(void);
__END_DECLS

#else

/* It may be asked for a part of it. */
#include_next <stdlib.h>

#endif
