/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of address spaces: test_vm NAME [STEPS] [seed=N]
 */
#include "vm_test.h"

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    unsigned steps = argc > 2 && strncmp(argv[2], "seed=", 5) != 0 ? (unsigned)atoi(argv[2]) : 0;

    check_begin(argc, argv);
    vm_begin();
    struct counts before = counts_now();
    if (strcmp(name, "scenes") == 0) {
        test_scenes();
        test_around();
    } else if (strcmp(name, "runs") == 0)
        test_runs();
    else if (strcmp(name, "failures") == 0)
        test_failures();
    else if (strcmp(name, "model") == 0)
        test_model(steps ? steps : 20000);
    else if (strcmp(name, "wire") == 0)
        test_wire(steps ? steps : 4000);
    else if (strcmp(name, "pin") == 0)
        test_pin(steps ? steps : 60000);
    else if (strcmp(name, "threads") == 0)
        test_threads(steps ? steps : 3000);
    else {
        fprintf(stderr, "usage: %s scenes|runs|failures|model|threads|wire|pin [STEPS] [seed=N]\n",
                argv[0]);
        return 2;
    }
    reap_all();
    counts_check(before);
    return check_end();
}
