/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Catalogues of messages. There are none here, nor a program that makes them: catopen() finds none, and catgets() gives the program's own text.
 */
#pragma once

#include <sys/_types.h>
#include <sys/cdefs.h>

#define NL_SETD       1
#define NL_CAT_LOCALE 1

typedef struct __catalogue *nl_catd;
typedef __nl_item nl_item;

__BEGIN_DECLS
nl_catd catopen(const char *name, int flags);
char *catgets(nl_catd catalogue, int set, int number, const char *usual);
int catclose(nl_catd catalogue);
__END_DECLS
