/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device-tree tests have in common beside ../check.h: files, blobs, and the name of the
 * case of a table that a failed check belongs to.
 */
#pragma once

#include "../check.h"

#include <inttypes.h>

#include <kern/dt.h>

/* Which case is being tested: printed if the program ends before dt_check_end(). */
static const char *check_case = "";

static inline void dt_check_report_case(void)
{
    if (check_case != NULL)
        fprintf(stderr, "  in case: %s\n", check_case);
}

static inline void dt_check_begin(int argc, char **argv)
{
    check_begin(argc, argv);
    atexit(dt_check_report_case);
}

static inline int dt_check_end(void)
{
    check_case = NULL;
    return check_end();
}

/* A blob in a buffer of exactly its size, so that the sanitizer sees any access beyond it. */
struct blob {
    void *data;
    size_t size;
};

static inline struct blob blob_copy(const void *from, size_t size)
{
    struct blob b = {malloc(size == 0 ? 1 : size), size}; /* malloc: 16-byte aligned */

    if (b.data == NULL)
        abort();
    memcpy(b.data, from, size);
    return b;
}

static inline struct blob blob_load(const char *folder, const char *name)
{
    static char buffer[2 << 20];
    char path[4096];
    size_t size;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.dtb", folder, name);
    f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    size = fread(buffer, 1, sizeof(buffer), f);
    fclose(f);
    return blob_copy(buffer, size);
}
