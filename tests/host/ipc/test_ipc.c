/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of messages, one scenario a rule (scenarios.def), on one to four CPUs. After each, nothing may be
 * left of it.
 *
 *      test_ipc [threads]   WHARF_SEED, WHARF_RUNS, WHARF_CPUS, WHARF_SCENARIO (one of them only)
 */
#include "scenarios.h"

#include "ipc_world.h"

#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
#define SCENARIO(name) {#name, scene_##name},
#include "scenarios.def"
#undef SCENARIO
};

static bool threads;
static const char *program, *only;

/* With many runs, the seeds share the scenarios: each child does all of them. */
static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument;
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + (seed - 1) % 4);
    ipc_start(seed, cpus, threads);
    for (unsigned i = 0; i < array_count(scenarios); i++) {
        if (only && strcmp(only, scenarios[i].name) != 0)
            continue;
        snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_SCENARIO=%s %s%s",
                 (unsigned long long)seed, scenarios[i].name, program, threads ? " threads" : "");
        host_set_repeat_line(line);
        scenarios[i].run();
        ipc_end();
    }
#ifdef WITHOUT_FAST_WAY
    CHECK_EQUAL(fast_count(), 0);
#else
    if (!only)
        CHECK(fast_count() > 0);
#endif
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 20);
    threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    only = getenv("WHARF_SCENARIO");
    if (!world_runs(one_run, first, runs))
        return 1;
    printf("%zu scenarios in %llu runs\n", array_count(scenarios), (unsigned long long)runs);
    return 0;
}
