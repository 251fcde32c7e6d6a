/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects through their ports, as programs call them: generated stubs, messages, the kernel's decoders. One
 * scenario a subject (scenarios.def), on one to four CPUs. After each, nothing may be left of it.
 *
 *      test_kobj [threads]   WHARF_SEED, WHARF_RUNS, WHARF_CPUS, WHARF_SCENARIO (one of them only)
 */
#include "kobj_world.h"

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
static const char *only;

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument;
    ipc_start(seed, (unsigned)parameter("WHARF_CPUS", 1 + (seed - 1) % 4), threads);
    for (unsigned i = 0; i < array_count(scenarios); i++) {
        if (only && strcmp(only, scenarios[i].name) != 0)
            continue;
        snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_SCENARIO=%s test_kobj%s",
                 (unsigned long long)seed, scenarios[i].name, threads ? " threads" : "");
        host_set_repeat_line(line);
        scenarios[i].run();
        ipc_end();
    }
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 8);
    threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    only = getenv("WHARF_SCENARIO");
    if (!world_runs(one_run, first, runs))
        return 1;
    printf("%zu scenarios in %llu runs\n", array_count(scenarios), (unsigned long long)runs);
    return 0;
}
