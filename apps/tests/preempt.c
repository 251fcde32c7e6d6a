/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that never leave the CPU by themselves share one: the timer lets both go on. A thread
 * of higher priority takes the CPU from them when it wakes; one of lower priority gets nothing.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdatomic.h>

enum { SPINNERS = 2, RUN = 200 * 1000 * 1000, LOW = 50, MIDDLE = 60, HIGH = 150 };

static _Atomic uint64_t counts[SPINNERS];
static _Atomic uint64_t starved;
static _Atomic bool stop;

static void spin(void *argument)
{
    _Atomic uint64_t *count = argument;

    CHECK_EQUAL(kernel_thread_set_affinity(1), 0);
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        atomic_store_explicit(count, *count + 1, memory_order_relaxed);
}

int main(int argc, char **argv)
{
    static struct thread spinners[SPINNERS], low;

    (void)argc;
    (void)argv;
    CHECK_EQUAL(kernel_thread_set_affinity(1), 0);
    CHECK_EQUAL(kernel_system_info(SYSTEM_INFO_THIS_CPU), 0);
    CHECK_EQUAL(kernel_thread_set_priority(HIGH), 0);
    for (unsigned i = 0; i < SPINNERS; i++)
        CHECK_EQUAL(thread_start(&spinners[i], spin, &counts[i], MIDDLE), 0);
    CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + RUN), 0);
    uint64_t seen[SPINNERS] = {counts[0], counts[1]};

    CHECK_EQUAL(thread_start(&low, spin, &starved, LOW), 0);
    CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + RUN), 0);
    CHECK(seen[0] > 0 && seen[1] > 0);
    CHECK(counts[0] > seen[0] && counts[1] > seen[1]);
    CHECK_EQUAL(starved, 0);
    print("preempt: %lu and %lu rounds\n", counts[0], counts[1]);
    stop = true;
    for (unsigned i = 0; i < SPINNERS; i++)
        thread_join(&spinners[i]);
    thread_join(&low);
    return check_end("preempt");
}
