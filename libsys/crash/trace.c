/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last trace events of a task that crashed. Events tell CPUs and threads, not tasks: what happens on a CPU is the thread's that was switched to
 * last. Each CPU tells of itself alone, so this thread visits one after the other; each ring is looked through once.
 */
#include "tell.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/host_debug.h>

enum { LAST = 16, ROUNDS_MAX = 16, CPUS_MAX = 8 };
enum { SWITCH = 16 /* sched.switch: thread left, thread entered */ };

static const uint64_t second = 1000000000;

struct seen {
    struct host_debug_event event;
    uint32_t cpu;
};

/* The newest of all CPUs, in order of time. */
struct last {
    struct seen seen[LAST];
    unsigned count;
};

static bool is_its(const struct crash_report *report, uint64_t thread)
{
    for (unsigned i = 0; i < report->thread_count; i++)
        if (report->threads[i].id == thread)
            return true;
    return false;
}

/* If there is no room the oldest goes. */
static void keep(struct last *last, const struct host_debug_event *event, uint32_t cpu)
{
    if (last->count == LAST) {
        if (event->moment <= last->seen[0].event.moment)
            return;
        memmove(&last->seen[0], &last->seen[1], (LAST - 1) * sizeof(last->seen[0]));
        last->count--;
    }
    unsigned at = last->count++;
    for (; at > 0 && last->seen[at - 1].event.moment > event->moment; at--)
        last->seen[at] = last->seen[at - 1];
    last->seen[at] = (struct seen){*event, cpu};
}

static void look_through(const struct crash_report *report, struct last *last)
{
    struct host_debug_event events[HOST_DEBUG_EVENTS_MAX];
    uint64_t position = 0;
    uint32_t cpu, count = HOST_DEBUG_EVENTS_MAX;
    bool its = false;
    for (unsigned round = 0; round < ROUNDS_MAX && count == HOST_DEBUG_EVENTS_MAX; round++) {
        if (host_debug_trace(program_start_info->host_debug, position, &cpu, &position, events,
                             &count) != KERN_SUCCESS)
            return;
        for (uint32_t i = 0; i < count; i++) {
            const bool entered = events[i].number == SWITCH;
            if (its || (entered && is_its(report, events[i].argument1)))
                keep(last, &events[i], cpu);
            if (entered)
                its = is_its(report, events[i].argument1);
        }
    }
}

static void tell(const struct crash_report *report, const struct seen *seen)
{
    const struct host_debug_event *e = &seen->event;
    char name[32], argument0[32], argument1[32];
    if (host_debug_trace_name(program_start_info->host_debug, e->number, name, argument0,
                              argument1) != KERN_SUCCESS)
        return;
    tell_line(report, "  trace: %lu.%06lu cpu %u %s, %s 0x%lx, %s 0x%lx",
              (unsigned long)(e->moment / second), (unsigned long)(e->moment % second / 1000),
              seen->cpu, name, argument0, (unsigned long)e->argument0, argument1,
              (unsigned long)e->argument1);
}

void tell_trace(const struct crash_report *report)
{
    static struct last last;
    if (program_start_info->host_debug == MSG_NULL)
        return; /* who reports may not see it */
    last.count = 0;
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
        if (kernel_thread_set_affinity(UINT64_C(1) << cpu) == KERN_SUCCESS)
            look_through(report, &last);
    (void)!kernel_thread_set_affinity(UINT64_MAX);
    for (unsigned i = 0; i < last.count; i++)
        tell(report, &last.seen[i]);
}
