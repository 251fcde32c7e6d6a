/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion between encodings: UTF-8, UTF-16, UTF-32 (with a mark, LE, BE; also as UCS-2, UCS-4, WCHAR_T), US-ASCII, ISO-8859-1, ISO-8859-15,
 * WINDOWS-1252. Behind a name, //TRANSLIT puts ? for what the other encoding has not, //IGNORE nothing.
 */
#pragma once

#include <stddef.h>
#include <sys/cdefs.h>

typedef struct __iconv *iconv_t;

__BEGIN_DECLS
iconv_t iconv_open(const char *to, const char *from);
size_t iconv(iconv_t conversion, char **__restrict in, size_t *__restrict in_left,
             char **__restrict out, size_t *__restrict out_left);
int iconv_close(iconv_t conversion);
__END_DECLS
