/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of test programs: a failure is printed and counted, and the program goes on.
 */
#pragma once

#include <libsys/print.h>
#include <stdbool.h>
#include <stdint.h>

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)

/** Both numbers are shown when they differ. */
#define CHECK_EQUAL(got, wanted) \
    check_equal((int64_t)(got), (int64_t)(wanted), #got, __FILE__, __LINE__)

bool check_that(bool ok, const char *text, const char *file, int line);
bool check_equal(int64_t got, int64_t wanted, const char *text, const char *file, int line);

/** Failures so far. */
unsigned check_failures(void);

/** Print "NAME: all checks passed" or how many failed; the status for main to return. */
int check_end(const char *name);
