/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of trace events as programs have it: what is refused, and who may do what; a reader that is too slow; one that ends with its stream.
 */
#include "kobj_world.h"

#include <kern/trace.h>

enum { RING = HOST_DEBUG_STREAM_MIN, ALL = -1 };

/* Any CPU has: the machine runs the calls on whichever it likes. */
static uint64_t lost_by_all(void)
{
    struct host_debug_event events[HOST_DEBUG_STREAM_EVENTS_MAX];
    uint64_t sum = 0, lost;
    uint32_t count;
    for (uint32_t cpu = 0; cpu < cpu_number(); cpu++) {
        OK(host_debug_stream_read(me.debug, cpu, &lost, events, &count));
        sum += lost;
    }
    return sum;
}

static void check_refused(void)
{
    static const uint32_t sizes[] = {
        0, 1, RING - 1, RING / 2, RING + 1, 3 * RING, 2 * HOST_DEBUG_STREAM_MAX, UINT32_MAX};
    struct host_debug_event events[HOST_DEBUG_STREAM_EVENTS_MAX];
    uint32_t count;
    uint64_t lost;
    for (unsigned i = 0; i < array_count(sizes); i++)
        GIVES(KERN_INVALID_VALUE, host_debug_stream_start(me.debug, sizes[i], (uint32_t)ALL));
    GIVES(KERN_INVALID_VALUE, host_debug_stream_stop(me.debug));
    GIVES(KERN_INVALID_VALUE, host_debug_stream_read(me.debug, 0, &lost, events, &count));
    OK(host_debug_stream_start(me.debug, RING, 0));
    GIVES(KERN_INVALID_VALUE,
          host_debug_stream_read(me.debug, cpu_number(), &lost, events, &count));
    GIVES(KERN_INVALID_VALUE, host_debug_stream_read(me.debug, UINT32_MAX, &lost, events, &count));
    GIVES(KERN_BUSY, host_debug_stream_start(me.debug, RING, 0));
    OK(host_debug_stream_stop(me.debug));
}

/* What is traced comes out once, in the order of time. */
static void check_events(void)
{
    struct host_debug_event events[HOST_DEBUG_STREAM_EVENTS_MAX];
    uint64_t lost, seen = 0;
    uint32_t count, before;
    OK(host_debug_stream_start(me.debug, RING, (uint32_t)ALL));
    for (unsigned i = 0; i < 4; i++)
        drop_name(own_port());
    OK(host_debug_set_trace_mask(me.debug, 0, &before));
    CHECK_EQUAL(before, (uint32_t)ALL);
    for (uint32_t cpu = 0; cpu < cpu_number(); cpu++) {
        uint64_t moment = 0;
        do {
            OK(host_debug_stream_read(me.debug, cpu, &lost, events, &count));
            for (uint32_t i = 0; i < count; i++) {
                CHECK(events[i].moment >= moment);
                moment = events[i].moment;
            }
            seen += count;
        } while (count > 0);
    }
    CHECK(seen > 0);
    OK(host_debug_stream_stop(me.debug));
}

/* What there is no room for is counted, and nothing else becomes of it. */
static void check_slow(void)
{
    OK(host_debug_stream_start(me.debug, RING, (uint32_t)ALL));
    uint64_t lost = 0;
    for (unsigned i = 0; i < 100 * RING && lost == 0; i++) {
        drop_name(own_port());
        if (i % RING == RING - 1)
            lost = lost_by_all();
    }
    CHECK(lost > 0);
    CHECK(lost_by_all() >= lost);
    OK(host_debug_stream_stop(me.debug));
}

void scene_trace_stream(void)
{
    enter();
    check_refused();
    check_events();
    check_slow();
}

/* It is its task's, and nobody else's to have one meanwhile; but who has the power may read it, and end it. The last one ends with its task. */
void scene_trace_stream_of_another(void)
{
    enter();
    OK(host_debug_stream_start(me.debug, RING, (uint32_t)ALL));
    enter();
    GIVES(KERN_BUSY, host_debug_stream_start(me.debug, RING, (uint32_t)ALL));
    (void)lost_by_all();
    OK(host_debug_stream_stop(me.debug));
    OK(host_debug_stream_start(me.debug, HOST_DEBUG_STREAM_MAX / 16, (uint32_t)ALL));
    drop_name(own_port());
}
