/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short games, always the same (player.h), in which the n-th allocation fails, for every n: what fails for that is done again, and
 * everybody sees what he should; nothing is left.
 *
 *      test_vm_failures      WHARF_SEED, WHARF_RUNS (games), WHARF_STEPS (of one), WHARF_FIRST (n to begin with)
 */
#include "player.h"

#include <stdio.h>

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument, steps = parameter("WHARF_STEPS", 120), row, n;
    ipc_start(seed, 1 + (unsigned)(seed - 1) % 4, false);
    for (n = parameter("WHARF_FIRST", 1);; n++) {
        snprintf(line, sizeof(line),
                 "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu WHARF_FIRST=%llu test_vm_failures",
                 (unsigned long long)seed, (unsigned long long)steps, (unsigned long long)n);
        host_set_repeat_line(line);
        row = seed;
        chance = host_random(&row);
        bool came = play(steps, n);
        ipc_end();
        if (!came)
            break;
    }
    printf("game %llu: %llu allocations\n", (unsigned long long)seed, (unsigned long long)n - 1);
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 3);
    return world_runs(one_run, first, runs) ? 0 : 1;
}
