/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions for the device-tree tests, and what they share: files, blobs, random numbers.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kern/dt.h>

static unsigned check_failures, check_count;
static const char *check_case = ""; /* printed with every failure */

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        check_count++;                                                                       \
        if (!(condition)) {                                                                  \
            printf("%s:%d: %s: not true: %s\n", __FILE__, __LINE__, check_case, #condition); \
            check_failures++;                                                                \
        }                                                                                    \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        unsigned long long check_a = (unsigned long long)(a), check_b = (unsigned long long)(b);   \
        check_count++;                                                                             \
        if (check_a != check_b) {                                                                  \
            printf("%s:%d: %s: %s is %#llx, expected %#llx\n", __FILE__, __LINE__, check_case, #a, \
                   check_a, check_b);                                                              \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

#define CHECK_STR(a, b)                                                                        \
    do {                                                                                       \
        const char *check_a = (a), *check_b = (b);                                             \
        check_count++;                                                                         \
        if (strcmp(check_a, check_b) != 0) {                                                   \
            printf("%s:%d: %s: %s is\n    \"%s\", expected\n    \"%s\"\n", __FILE__, __LINE__, \
                   check_case, #a, check_a, check_b);                                          \
            check_failures++;                                                                  \
        }                                                                                      \
    } while (0)

static inline int check_result(void)
{
    printf("%u checks, %u failed\n", check_count, check_failures);
    return check_failures != 0;
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

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}
