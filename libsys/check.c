/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of test programs.
 */
#include <libsys/check.h>
#include <stdatomic.h>

static _Atomic unsigned failures;

bool check_that(bool ok, const char *text, const char *file, int line)
{
    if (!ok) {
        atomic_fetch_add(&failures, 1);
        print("FAILED %s:%d: %s\n", file, line, text);
    }
    return ok;
}

bool check_equal(int64_t got, int64_t wanted, const char *text, const char *file, int line)
{
    if (got != wanted) {
        atomic_fetch_add(&failures, 1);
        print("FAILED %s:%d: %s is %ld, not %ld\n", file, line, text, (long)got, (long)wanted);
    }
    return got == wanted;
}

unsigned check_failures(void)
{
    return failures;
}

int check_end(const char *name)
{
    if (failures == 0)
        print("%s: all checks passed\n", name);
    else
        print("%s: %u checks FAILED\n", name, failures);
    return failures == 0 ? 0 : 1;
}
