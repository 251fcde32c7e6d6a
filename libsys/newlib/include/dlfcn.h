/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs are linked as a whole: there is nothing that could be loaded later, and dlopen() says so. A program finds in itself what it is told of
 * when it is linked, not by name.
 */
#pragma once

#include <sys/cdefs.h>

#define RTLD_LAZY   1
#define RTLD_NOW    2
#define RTLD_GLOBAL 4
#define RTLD_LOCAL  0

__BEGIN_DECLS
void *dlopen(const char *file, int mode);
void *dlsym(void *__restrict handle, const char *__restrict name);
int dlclose(void *handle);
char *dlerror(void);
__END_DECLS
