/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine's tests share: a check that ends the program with the line that repeats it,
 * parameters from the environment, and the row of tests.
 */
#pragma once

#include <machine/host_machine.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <unistd.h>

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition))                                                   \
            host_machine_fail("%s:%d: %s", __FILE__, __LINE__, #condition); \
    } while (0)

#define CHECK_EQUAL(a, b)                                                                       \
    do {                                                                                        \
        long long a_value = (long long)(a), b_value = (long long)(b);                           \
        if (a_value != b_value)                                                                 \
            host_machine_fail("%s:%d: %s is %lld, %s is %lld", __FILE__, __LINE__, #a, a_value, \
                              #b, b_value);                                                     \
    } while (0)

/** Number from the environment, or `value`. */
static inline uint64_t parameter(const char *name, uint64_t value)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : value;
}

/** Start the program anew at addresses that are the same every time: a run may depend on them
 *  (hashed locks, locks ordered by address), and ThreadSanitizer asks for it. Where the host
 *  forbids it, runs repeat within one process. */
static inline void fix_addresses(char **argv)
{
    int now = personality(0xffffffff);
    if (now == -1 || (now & ADDR_NO_RANDOMIZE) ||
        personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1)
        return;
    execv("/proc/self/exe", argv);
}
