/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and what it has under other names, or for other systems only.
 */
#include_next <stdio.h>

#ifndef _WHARF_STDIO_H
#define _WHARF_STDIO_H

#if __POSIX_VISIBLE >= 200809
__BEGIN_DECLS
ssize_t getdelim(char **__restrict line, size_t *__restrict size, int delimiter,
                 FILE *__restrict stream);
ssize_t getline(char **__restrict line, size_t *__restrict size, FILE *__restrict stream);
__END_DECLS
#endif

#ifndef L_ctermid
#define L_ctermid 16
#endif
#if __POSIX_VISIBLE
__BEGIN_DECLS
char *ctermid(char *name);
__END_DECLS
#endif

#endif
