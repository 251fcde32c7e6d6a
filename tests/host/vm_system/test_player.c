/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random player (player.h): what a step changed is compared after it, everything each thousand steps, and what there is of
 * everything when all has ended.
 *
 *      test_vm_player [repeats]    WHARF_SEED, WHARF_RUNS, WHARF_STEPS (of a run), WHARF_CPUS, WHARF_TELL
 */
#include "player.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

void tell(const char *format, ...)
{
    static int told = -1;
    va_list args;
    if (told < 0)
        told = getenv("WHARF_TELL") != NULL;
    if (!told)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void set_patience(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(PATIENCE);
}

static void step_fork(void)
{
    unsigned child = below(TASKS), parent = below(TASKS);
    if (child == parent)
        return;
    task_replace(child, one_in(8) ? PAGES : parent);
    compare_later((struct range){0, 0, PAGES});
}

static void step_time(void)
{
    ops_expect_error(NULL, 0, 0, KERN_OPERATION_TIMED_OUT, 0);
    pass_time(PATIENCE + SECOND);
    source_time_is_over();
}

static void step(uint64_t number)
{
    unsigned what = below(64);
    tell("step %llu: %u", (unsigned long long)number, what);
    if (what < 24)
        step_op();
    else if (what < 40)
        step_pager();
    else if (what < 43)
        step_allocate();
    else if (what < 46)
        step_map_source();
    else if (what < 49)
        step_remove();
    else if (what < 51)
        step_protect();
    else if (what < 52)
        step_inherit();
    else if (what < 54)
        step_send();
    else if (what < 56)
        step_receive();
    else if (what < 57)
        step_letter_by_hand();
    else if (what < 58)
        step_make_entry();
    else if (what < 61)
        step_map_entry();
    else if (what < 62)
        one_in(2) ? step_narrow() : step_drop_entry();
    else if (what < 63)
        step_abort();
    else if (one_in(3))
        step_fork();
    else if (one_in(6))
        step_time();
}

static void play(uint64_t steps)
{
    tasks_begin();
    pagers_begin();
    for (uint64_t i = 1; i <= steps; i++) {
        step(i);
        ops_settle();
        trouble_step_ends();
        pagers_hear();
        ops_settle();
        compare_sources();
        if (i % 1000 == 0)
            compare_all();
    }
    compare_all();
    for (unsigned h = 0; h < HELD; h++)
        forget_held(&held[h]);
    tasks_end();
    step_time();
    pagers_end();
    CHECK(source_at(0) == NULL);
}

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
    enter();
    in_kernel(set_patience, NULL);
    play(steps);
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
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t seed = first + i;
        if (runs == 1) /* for debuggers: no child */
            one_run(&seed);
        else if (!world_in_child(one_run, &seed))
            return 1;
    }
    printf("%llu runs of %llu steps\n", (unsigned long long)runs,
           (unsigned long long)parameter("WHARF_STEPS", 3000));
    return 0;
}
