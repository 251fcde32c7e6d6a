/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told of pages that go out and come back: how many of a task's are out, and the trace of one page from its choice to the card and from the fault back.
 */
#include "vm-swap.h"
#include <libsys/kernel.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/vm.h>

enum { AREA = 32, CPUS_MAX = 8, RING = 256, CLASS = 5 /* of kern/trace_events.def */ };
enum { CHOOSE = CLASS * 16, STORE, STORED, OUT, NEED, LOAD, LOADED, IN };

/* ---- how many are out ---- */

static uint64_t out_now(void)
{
    struct vm_usage usage;

    OK(vm_usage(me(), &usage));
    return usage.out;
}

static bool out_at_most(uint64_t count)
{
    return out_now() <= count;
}

static void test_usage(void)
{
    uint64_t *area = pages_make(AREA);

    swap_fill_pages(area, AREA, 1);
    swap_touch_all(NULL);
    CHECK_EQUAL(out_now(), 0);
    swap_push_out();
    const uint64_t most = out_now();
    CHECK(most >= AREA && most <= swap_now().used);
    swap_expect(area, AREA, 1);
    CHECK(out_now() <= most - AREA + 8);
    swap_push_out();
    CHECK(out_now() >= AREA);
    const uint64_t before = out_now();
    pages_drop(area, AREA); /* while they are out: a work item gives them up */
    swap_wait_until(out_at_most, before - AREA + 8);
}

/* ---- the trace ---- */

static struct host_debug_event events[CPUS_MAX * RING];
static unsigned count;

static void add(const struct host_debug_event *event)
{
    unsigned at = count;

    if (event->number / 16 != CLASS || count == sizeof(events) / sizeof(events[0]))
        return;
    count++;
    for (; at > 0 && events[at - 1].moment > event->moment; at--)
        events[at] = events[at - 1];
    events[at] = *event;
}

/* In order of time. */
static void collect(void)
{
    struct host_debug_event some[HOST_DEBUG_EVENTS_MAX];
    uint32_t cpu, n;

    count = 0;
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        uint64_t position = 0;
        if (kernel_thread_set_affinity(UINT64_C(1) << i) != KERN_SUCCESS)
            continue;
        do {
            n = HOST_DEBUG_EVENTS_MAX;
            OK(host_debug_trace(program_start_info->host_debug, position, &cpu, &position, some,
                                &n));
            for (uint32_t k = 0; k < n; k++)
                add(&some[k]);
        } while (n > 0);
    }
    OK(kernel_thread_set_affinity(UINT64_MAX));
}

/* The newest such event before number `before`. */
static const struct host_debug_event *find(const struct host_debug_event *before, uint32_t number,
                                           bool first, uint64_t argument)
{
    while (before && before-- > events)
        if (before->number == number && (first ? before->argument0 : before->argument1) == argument)
            return before;
    CHECK(!"there is such an event");
    return NULL;
}

/* Backwards: each event names what the one before is found by. */
static void expect_trace(const uint64_t *page)
{
    const struct host_debug_event *end = &events[count];
    const struct host_debug_event *need = find(end, NEED, true, (uintptr_t)page);

    if (!need)
        return;
    const uint64_t slot = need->argument1;
    const struct host_debug_event *in = find(end, IN, false, slot);
    const struct host_debug_event *load = find(in, LOAD, false, slot);
    const struct host_debug_event *loaded = load ? find(in, LOADED, true, load->argument0) : NULL;
    CHECK(load && loaded && need < load && load < loaded && loaded->argument1 == 1);
    const struct host_debug_event *out = find(need, OUT, false, slot);
    const struct host_debug_event *choose = out ? find(out, CHOOSE, true, out->argument0) : NULL;
    const uint64_t request = choose ? choose->argument1 : 0;
    const struct host_debug_event *stored = find(out, STORED, true, request);
    const struct host_debug_event *store = find(stored, STORE, true, request);
    CHECK(choose && store && choose < store && stored->argument1 == 1);
    CHECK(store && store->argument1 <= slot);
}

/* So many events fit in a ring if few pages go: all that there is has gone before. */
static void test_trace(void)
{
    uint64_t *area = pages_make(AREA);
    uint32_t mask, own;

    swap_push_out();
    OK(host_debug_set_trace_mask(program_start_info->host_debug, 1u << CLASS, &mask));
    swap_fill_pages(area, AREA, 2);
    swap_push_out();
    CHECK(swap_is(area + PAGE_WORDS, 2, 1));
    OK(host_debug_set_trace_mask(program_start_info->host_debug, mask, &own));
    collect();
    expect_trace(area + PAGE_WORDS);
    pages_drop(area, AREA);
}

void test_told(void)
{
    test_usage();
    test_trace();
}
