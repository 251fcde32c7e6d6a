/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap tests: test_pmap NAME [STEPS] [seed=N]
 */
#include "pmap_test.h"

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    unsigned steps = argc > 2 && strncmp(argv[2], "seed=", 5) != 0 ? (unsigned)atoi(argv[2]) : 0;

    check_begin(argc, argv);
    if (strcmp(name, "basics") == 0)
        test_basics();
    else if (strcmp(name, "model") == 0)
        test_model(steps ? steps : 20000, 3, 3, 0);
    else if (strcmp(name, "asid") == 0)
        test_model(steps ? steps : 10000, 7, 2, 4);
    else if (strcmp(name, "failures") == 0)
        test_failures();
    else if (strcmp(name, "threads") == 0)
        test_threads(steps ? steps : 8000);
    else {
        fprintf(stderr, "usage: %s basics|model|asid|failures|threads [STEPS] [seed=N]\n", argv[0]);
        return 2;
    }
    struct host_mmu_statistics s;
    host_mmu_statistics(&s);
    printf(
        "mmu: %llu flushes (%llu pages, %llu walks, %llu asids, %llu all), %llu fills, %llu unasked\n",
        (unsigned long long)s.flushes, (unsigned long long)s.pages, (unsigned long long)s.walks,
        (unsigned long long)s.asids, (unsigned long long)s.all, (unsigned long long)s.fills,
        (unsigned long long)s.speculative);
    return check_end();
}
