/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much there is to run, on average over 1, 5 and 15 minutes: every five seconds a thread of its own counts what runs and what could, and each average moves towards that count.
 *
 * An average a after the time t is a * e^(-5 s / t) + n * (1 - e^(-5 s / t)), as parts of 2^11.
 */
#include "procfs.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <wharf/if/host.h>
#include <wharf/if/task.h>

enum { SHIFT = 11, ONE = 1 << SHIFT, AVERAGES = 3 };

static const uint64_t period = UINT64_C(5000000000);
static const uint32_t decay[AVERAGES] = {1884, 2014, 2037};
static _Atomic uint32_t average[AVERAGES]; /* written by the thread */

bool load_cpu(unsigned number, struct host_cpu_statistics *out)
{
    return host_cpu_statistics(program_start_info->host, number, out) == KERN_SUCCESS &&
           out->online != 0;
}

/* It runs itself at this moment, and does not count. */
static uint32_t count(void)
{
    struct host_cpu_statistics cpu;
    uint32_t n = 0;

    for (unsigned i = 0; i < CPUS_MAX; i++)
        n += load_cpu(i, &cpu) ? cpu.runnable : 0;
    return n > 0 ? n - 1 : 0;
}

static void measure(void *argument)
{
    uint64_t next = kernel_clock_now();

    (void)argument;
    for (;;) {
        next += period;
        (void)kernel_sleep_until(next);
        const uint64_t now = (uint64_t)count() * ONE;
        for (unsigned i = 0; i < AVERAGES; i++) {
            const uint64_t sum =
                atomic_load(&average[i]) * (uint64_t)decay[i] + now * (uint64_t)(ONE - decay[i]);
            atomic_store(&average[i], (uint32_t)((sum + ONE / 2) / ONE));
        }
    }
}

/* As urgent as it may be: who is kept from counting when there is much to run counts too little. */
kern_return_t load_begin(void)
{
    static struct thread thread;
    struct task_info info;
    const kern_return_t kr = task_info(program_start_info->task, &info);

    return kr == KERN_SUCCESS ? thread_start(&thread, measure, NULL, info.max_priority) : kr;
}

void load_read(unsigned hundredths[3])
{
    for (unsigned i = 0; i < AVERAGES; i++)
        hundredths[i] = (unsigned)(((uint64_t)atomic_load(&average[i]) * 100 + ONE / 2) / ONE);
}
