/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading code while a program runs: it cannot be done, and who asks is told why. See <dlfcn.h>.
 */
#include <dlfcn.h>
#include <stddef.h>

static _Thread_local const char *failure; /* since dlerror() was called last */

void *dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    failure = "programs of this system are linked as a whole, and load nothing";
    return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle;
    (void)name;
    failure = "this is no handle of dlopen()";
    return NULL;
}

int dlclose(void *handle)
{
    (void)handle;
    failure = "this is no handle of dlopen()";
    return -1;
}

char *dlerror(void)
{
    const char *told = failure;

    failure = NULL;
    return (char *)told;
}
