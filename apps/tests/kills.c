/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kills a service again and again, at moments that the seed tells, while others work with it; each time waits until the next
 * instance is ready. Then tells how long that took: of each victim, and of all.
 *
 * bench=1: the line that bench.py reads, with the 99th percentile as its middle.
 *
 * Arguments: victim=sd0 (may be repeated) kills=100 seed=1 pause=20000 (microseconds between kills, at most).
 */
#include "supervised.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { VICTIMS_MAX = 4, KILLS_MAX = 100000 };
#define PATIENCE UINT64_C(30000000000) /* nanoseconds until the next instance is ready */

static mach_port_name_t supervisor;
static char victims[VICTIMS_MAX][SUPERVISOR_NAME_MAX];
static unsigned victim_count;
static uint64_t state;
static uint64_t *recoveries[VICTIMS_MAX], *all; /* nanoseconds */
static uint64_t counts[VICTIMS_MAX];
static uint64_t kills;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static uint64_t argument(const char *name, uint64_t otherwise)
{
    const char *at = strstr(program_start_info->arguments, name);

    return at ? strtoull(at + strlen(name), NULL, 0) : otherwise;
}

static void read_victims(int argc, char **argv)
{
    for (int i = 1; i < argc && victim_count < VICTIMS_MAX; i++)
        if (strncmp(argv[i], "victim=", 7) == 0)
            strncpy(victims[victim_count++], argv[i] + 7, SUPERVISOR_NAME_MAX - 1);
}

/* Of a victim that is named twice, to die twice as often, all is told at the first. */
static uint64_t first_of(uint64_t which)
{
    uint64_t first = 0;

    while (strcmp(victims[first], victims[which]) != 0)
        first++;
    return first;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void tell(const char *whose, uint64_t *times, uint64_t count)
{
    if (count == 0)
        return;
    qsort(times, count, sizeof(*times), compare);
    print("%s: %lu, recovery: median %lu us, 99th percentile %lu us, longest %lu us\n", whose,
          (unsigned long)count, (unsigned long)(times[count / 2] / 1000),
          (unsigned long)(times[count * 99 / 100] / 1000),
          (unsigned long)(times[count - 1] / 1000));
}

static void tell_all(void)
{
    for (unsigned i = 0; i < victim_count; i++)
        tell(victims[i], recoveries[i], counts[i]);
    tell("kills", all, kills);
    if (kills > 0 && strstr(program_start_info->arguments, "bench=1"))
        print("bench: driver_recovery_p99 us 1000 %lu %lu %lu\nbench: done\n",
              (unsigned long)all[kills / 2], (unsigned long)all[kills * 99 / 100],
              (unsigned long)all[kills - 1]);
}

static bool make_room(uint64_t most)
{
    bool enough = (all = calloc(most + 1, sizeof(*all)));

    for (unsigned i = 0; i < victim_count; i++)
        enough &= (recoveries[i] = calloc(most + 1, sizeof(*all))) != NULL;
    return enough;
}

int main(int argc, char **argv)
{
    const uint64_t asked = argument("kills=", 100), pause = argument("pause=", 20000);
    const uint64_t wanted = asked < KILLS_MAX ? asked : KILLS_MAX;
    struct supervisor_row row;

    state = argument("seed=", 1) * UINT64_C(0x2545f4914f6cdd1d) | 1;
    read_victims(argc, argv);
    if (!CHECK(victim_count > 0 && make_room(wanted)) ||
        !CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                     KERN_SUCCESS))
        return check_end("kills");
    for (; kills < wanted; kills++) {
        const uint64_t which = first_of(random_below(victim_count));
        const char *victim = victims[which];
        if (!supervised_wait(supervisor, victim, 0, PATIENCE, &row))
            break;
        (void)!kernel_sleep_until(kernel_clock_now() + random_below(pause) * 1000);
        if (!CHECK_EQUAL(supervisor_kill(supervisor, victim), KERN_SUCCESS) ||
            !supervised_wait(supervisor, victim, row.restarts + 1, PATIENCE, &row))
            break;
        recoveries[which][counts[which]++] = all[kills] = row.recovery;
    }
    CHECK_EQUAL(kills, wanted);
    tell_all();
    return check_end("kills");
}
