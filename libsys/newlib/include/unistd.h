/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and what it declares for other systems only.
 */
#include_next <unistd.h>

#ifndef _WHARF_UNISTD_H
#define _WHARF_UNISTD_H

/* What confstr() tells; newlib has the names for other systems only. */
#define _CS_PATH                           0
#define _CS_POSIX_V7_LP64_OFF64_CFLAGS     9
#define _CS_POSIX_V7_LP64_OFF64_LDFLAGS    10
#define _CS_POSIX_V7_LP64_OFF64_LIBS       11
#define _CS_POSIX_V7_LPBIG_OFFBIG_CFLAGS   13
#define _CS_POSIX_V7_LPBIG_OFFBIG_LDFLAGS  14
#define _CS_POSIX_V7_LPBIG_OFFBIG_LIBS     15
#define _CS_POSIX_V7_WIDTH_RESTRICTED_ENVS 17
#define _CS_POSIX_V7_THREADS_CFLAGS        18
#define _CS_POSIX_V7_THREADS_LDFLAGS       19
#define _CS_V7_ENV                         20

__BEGIN_DECLS
char *ctermid(char *name);
long gethostid(void);
int issetugid(void);
#if __MISC_VISIBLE
int syncfs(int file);
#endif
#if __POSIX_VISIBLE >= 199506
int getlogin_r(char *name, size_t size);
#endif
__END_DECLS

#endif
