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
