/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In-kernel self-tests: functions registered by section, run at boot with test=all (or test=PART of
 * a name), on one CPU with all others idle, before the first program. Each ends with the object
 * counts it began with, or fails.
 */
#pragma once

#include <kern/types.h>

struct ktest {
    const char *name;
    void (*run)(void);
};

/** KTEST(module_what_is_expected) { ... } */
#define KTEST(test_name)                                                                     \
    static void ktest_##test_name(void);                                                     \
    [[gnu::used, gnu::section("ktest")]] static const struct ktest ktest_row_##test_name = { \
        #test_name, ktest_##test_name};                                                      \
    static void ktest_##test_name(void)

/** Report and count a failure; the test goes on. */
#define KTEST_EXPECT(condition) ktest_expect((condition), #condition, __FILE__, __LINE__)
bool ktest_expect(bool ok, const char *text, const char *file, int line);

/** test=fatal-NAME: end the kernel in one particular way. Returns if the name is none of these. */
void ktest_fatal(const char *name);

/** Run those whose name contains `pattern` ("all": every one); prints the lines of
 *  docs/testing.md. Returns failures. */
unsigned ktest_run(const char *pattern);
