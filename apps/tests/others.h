/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that count what is left: stillness for some time means nothing where the host has taken a CPU away.
 */
#pragma once

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>

/** Whoever is to run on a CPU is more urgent than this thread: it has gone there when they have, however long that takes. It has the default priority then, and may run
 *  anywhere. */
static inline void let_others_run(void)
{
    enum { LEAST_URGENT = 1 };
    const uint64_t cpus = kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);

    CHECK_EQUAL(kernel_thread_set_priority(LEAST_URGENT), KERN_SUCCESS);
    for (uint64_t cpu = 0; cpu < cpus; cpu++) {
        CHECK_EQUAL(kernel_thread_set_affinity(UINT64_C(1) << cpu), KERN_SUCCESS);
        CHECK_EQUAL(kernel_system_info(SYSTEM_INFO_THIS_CPU), cpu);
    }
    CHECK_EQUAL(kernel_thread_set_affinity(UINT64_MAX), KERN_SUCCESS);
    CHECK_EQUAL(kernel_thread_set_priority(THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
}

/** What system_info says of `selector` when all that was begun is done. What follows an answer, or the end of a thread or task, is done a little later, and may leave others
 *  something to do in their turn, or on a CPU that was looked at before: looked at until nothing has changed over many looks, before each of which whoever had anything to do has
 *  run. `ask` (or NULL) is called before each look: for servers that tidy up at their next request. */
static inline uint64_t settled_info(uint32_t selector, void (*ask)(void))
{
    enum { STILL = 40, PAUSE = 1000000 };
    uint64_t now = 0;

    for (unsigned still = 0; still < STILL;) {
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
        if (ask != NULL)
            ask();
        let_others_run();
        const uint64_t next = kernel_system_info(selector);
        still = next == now ? still + 1 : 0;
        now = next;
    }
    return now;
}

static inline uint64_t settled_objects(void (*ask)(void))
{
    return settled_info(SYSTEM_INFO_KERNEL_OBJECTS, ask);
}
