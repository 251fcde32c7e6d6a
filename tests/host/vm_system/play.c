/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The game: which steps there are, and how often each comes (player.h).
 */
#include "player.h"

#include <stdarg.h>
#include <stdio.h>

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
    paged_volume_set_limit(UINT64_MAX);
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
    unsigned what = below(70);
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
    else if (what >= 66)
        step_device();
    else if (what >= 64)
        step_swap();
    else if (one_in(3))
        step_fork();
    else if (one_in(6))
        step_time();
}

bool play(uint64_t steps, uint64_t failing)
{
    enter();
    in_kernel(set_patience, NULL);
    tasks_begin();
    pagers_begin();
    swapper_begin();
    device_begin();
    if (failing)
        trouble_nth(failing);
    for (uint64_t i = 1; i <= steps; i++) {
        step(i);
        ops_settle();
        trouble_step_ends();
        sources_step_ends();
        pagers_hear();
        ops_settle();
        compare_sources();
        if (i % 1000 == 0)
            compare_all();
    }
    bool came = trouble_came();
    compare_all();
    for (unsigned h = 0; h < HELD; h++)
        forget_held(&held[h]);
    device_end();
    tasks_end();
    step_time();
    pagers_end();
    swapper_end();
    CHECK(source_at(0) == NULL);
    return came;
}
