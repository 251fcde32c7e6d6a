/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and what it declares for other systems only.
 */
#include_next <unistd.h>

#ifndef _WHARF_UNISTD_H
#define _WHARF_UNISTD_H

__BEGIN_DECLS
char *ctermid(char *name);
long gethostid(void);
int issetugid(void);
#if __POSIX_VISIBLE >= 199506
int getlogin_r(char *name, size_t size);
#endif
__END_DECLS

#endif
