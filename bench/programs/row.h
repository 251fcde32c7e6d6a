/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows that are a call in a loop. Each is the same loop with another call in it; with row_nothing() in it, it is
 * what all of them have beside their call, and is subtracted. An error of any call is printed at the end, where
 * bench.py finds it.
 */
#pragma once

#include "series.h"
#include <libsys/check.h>
#include <stdbool.h>
#include <user/machine.h>
#include <wharf/error.h>

struct row {
    const char *name;
    uint64_t (*loop)(uint64_t n);
    void (*prepare)(void); /* or NULL */
};

/** Run the rows that the arguments name, all if there are none. */
void rows_run(const struct row *rows, unsigned count, uint64_t overhead, int argc, char **argv);
bool row_is_wanted(const char *name, int argc, char **argv);

static inline kern_return_t row_nothing(void)
{
    kern_return_t result = KERN_SUCCESS;
    __asm__ volatile("" : "+r"(result));
    return result;
}

/* The body of a loop function. */
#define ROW_LOOP(n, call)                          \
    unsigned failed_ = 0;                          \
    const uint64_t start_ = machine_counter_raw(); \
    do                                             \
        failed_ |= (unsigned)(call);               \
    while (--(n) > 0);                             \
    const uint64_t end_ = machine_counter_raw();   \
    CHECK_EQUAL(failed_, KERN_SUCCESS);            \
    return end_ - start_
