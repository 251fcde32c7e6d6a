/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating-point state belongs to its thread. Three threads a CPU, each with its own pattern in all
 * vector registers and its own rounding mode, compute while the timer takes the CPU from one and
 * gives it to the next; now and then they sleep or yield instead.
 */
#include "self-check.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/fp_pattern.h>

enum {
    THREADS_A_CPU = 3,
    THREADS = THREADS_A_CPU * SELF_CHECK_CPUS,
    RUN = 60 * 1000 * 1000, /* ns; several turns for each thread */
};

struct worker {
    struct thread thread;
    uint64_t seed;
    uint64_t cpu;
    uint64_t until;
    uint64_t rounds;
    uint64_t damaged;
};

static struct worker workers[THREADS];

/** A long computation in general registers: they must survive preemption too. */
static unsigned collatz_steps(uint64_t n)
{
    unsigned steps = 0;

    for (; n != 1; n = n % 2 != 0 ? 3 * n + 1 : n / 2)
        steps++;
    return steps;
}

static void work(void *argument)
{
    struct worker *self = argument;

    if (kernel_thread_set_affinity(UINT64_C(1) << self->cpu) != 0)
        self->damaged++;
    /* At least one round, however slow the machine. */
    do {
        self->damaged += fp_pattern_hold(self->seed, 20000);
        if (collatz_steps(27) != 111)
            self->damaged++;
        self->rounds++;
        if (self->rounds % 16 == self->seed % 16)
            (void)sys_thread_switch();
    } while (kernel_clock_now() < self->until);
}

void check_floating_point(void)
{
    unsigned cpus = cpus_online();
    unsigned started = 0;
    uint64_t rounds = 0;
    uint64_t until = kernel_clock_now() + RUN;

    for (unsigned i = 0; i < cpus * THREADS_A_CPU; i++, started++) {
        struct worker *worker = &workers[i];

        worker->seed = i + 1;
        worker->cpu = i % cpus;
        worker->until = until;
        if (!CHECK_EQUAL(thread_start(&worker->thread, work, worker, THREAD_PRIORITY_DEFAULT), 0))
            break;
    }
    for (unsigned i = 0; i < started; i++) {
        thread_join(&workers[i].thread);
        CHECK_EQUAL(workers[i].damaged, 0);
        CHECK(workers[i].rounds > 0);
        rounds += workers[i].rounds;
    }
    print("self-check: floating point checked, %u threads, %lu rounds\n", started, rounds);
}
