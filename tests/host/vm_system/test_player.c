/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random player (player.h): what a step changed is compared after it, everything each thousand steps, and what there is of
 * everything when all has ended.
 *
 *      test_vm_player [repeats]    WHARF_SEED, WHARF_RUNS, WHARF_STEPS (of a run), WHARF_CPUS, WHARF_TELL
 */
#include "player.h"

#include <string.h>
#include <sys/mman.h>

static uint64_t *hash; /* of the last run; shared with children */

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument, steps = parameter("WHARF_STEPS", 3000);
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + (seed - 1) % 4);
    snprintf(line, sizeof(line),
             "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu WHARF_CPUS=%u test_vm_player",
             (unsigned long long)seed, (unsigned long long)steps, cpus);
    host_set_repeat_line(line);
    uint64_t row = seed;
    chance = host_random(&row); /* rows of neighbours would be the same, shifted */
    ipc_start(seed, cpus, false);
    (void)play(steps, 0);
    ipc_end();
    *hash = host_machine_hash();
}

/* One seed gives one run. */
static int repeats(uint64_t seed)
{
    uint64_t first;
    if (!world_in_child(one_run, &seed))
        return 1;
    first = *hash;
    if (!world_in_child(one_run, &seed))
        return 1;
    if (first != *hash)
        printf("the same seed gave two different runs\n");
    return first != *hash;
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    hash = mmap(NULL, sizeof(*hash), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (hash == MAP_FAILED)
        return 1;
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 6);
    if (argc > 1 && strcmp(argv[1], "repeats") == 0)
        return repeats(first) | repeats(first + 3);
    if (!world_runs(one_run, first, runs))
        return 1;
    printf("%llu runs of %llu steps\n", (unsigned long long)runs,
           (unsigned long long)parameter("WHARF_STEPS", 3000));
    return 0;
}
