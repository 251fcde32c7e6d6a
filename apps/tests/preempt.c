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
#define LIMIT UINT64_C(20000000000)

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

/* Both spinners go on while this sleeps: for as long as it takes, as the host may hold up the CPU. */
static void check_both_go_on(void)
{
    const uint64_t before[SPINNERS] = {counts[0], counts[1]}, until = kernel_clock_now() + LIMIT;

    do
        CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + RUN), 0);
    while ((counts[0] == before[0] || counts[1] == before[1]) && kernel_clock_now() < until);
    CHECK(counts[0] > before[0] && counts[1] > before[1]);
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
    check_both_go_on();
    CHECK_EQUAL(thread_start(&low, spin, &starved, LOW), 0);
    check_both_go_on();
    CHECK_EQUAL(starved, 0);
    print("preempt: %lu and %lu rounds\n", counts[0], counts[1]);
    stop = true;
    for (unsigned i = 0; i < SPINNERS; i++)
        thread_join(&spinners[i]);
    thread_join(&low);
    return check_end("preempt");
}
