/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads on every CPU: affinity is obeyed, a mutex excludes, a barrier holds, and no wake-up is
 * lost when many wait for the same few words and move from CPU to CPU meanwhile.
 *
 * The work does not grow with the CPUs: an emulator with fewer host CPUs than it emulates is slow
 * at handing a contended lock on.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>

enum { CPUS_MAX = 8, A_CPU = 2, MOST = CPUS_MAX * A_CPU, ADDS = 2400, MEETINGS = 12, MOVES = 10 };

struct worker {
    struct thread thread;
    unsigned number;
};

static struct worker workers[MOST];
static unsigned cpus, count;
static unsigned adds; /* each thread's share of ADDS */
static struct mutex lock;
static struct barrier meeting;
static uint64_t shared; /* guarded by lock */
static _Atomic uint64_t atomic_count;
static _Atomic uint64_t seen_cpus;

static void go_to(unsigned cpu)
{
    CHECK_EQUAL(kernel_thread_set_affinity(UINT64_C(1) << cpu), 0);
    CHECK_EQUAL(kernel_system_info(SYSTEM_INFO_THIS_CPU), cpu);
    atomic_fetch_or(&seen_cpus, UINT64_C(1) << cpu);
}

static void add_under_lock(void)
{
    for (unsigned i = 0; i < adds; i++) {
        mutex_lock(&lock);
        uint64_t value = shared;

        if (i % 64 == 0)
            (void)sys_thread_switch(); /* invite the others in */
        shared = value + 1;
        mutex_unlock(&lock);
        atomic_fetch_add(&atomic_count, 1);
    }
}

static void meet(void)
{
    static _Atomic uint64_t present;

    for (unsigned i = 0; i < MEETINGS; i++) {
        atomic_fetch_add(&present, 1);
        barrier_wait(&meeting);
        CHECK_EQUAL(present, (uint64_t)(i + 1) * count);
        barrier_wait(&meeting);
    }
}

static void work(void *argument)
{
    struct worker *self = argument;

    go_to(self->number % cpus);
    barrier_wait(&meeting);
    add_under_lock();
    meet();
    for (unsigned i = 0; i < MOVES; i++)
        go_to((self->number + i) % cpus);
    CHECK_EQUAL(kernel_thread_set_affinity(~UINT64_C(0)), 0);
    add_under_lock();
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    cpus = (unsigned)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    if (!CHECK(cpus >= 1 && cpus <= CPUS_MAX))
        return check_end("smp");
    count = cpus * A_CPU;
    meeting.count = count;
    adds = ADDS / count;
    for (unsigned i = 0; i < count; i++) {
        workers[i].number = i;
        if (!CHECK_EQUAL(thread_start(&workers[i].thread, work, &workers[i],
                                      THREAD_PRIORITY_DEFAULT),
                         0))
            return check_end("smp");
    }
    for (unsigned i = 0; i < count; i++)
        thread_join(&workers[i].thread);
    CHECK_EQUAL(shared, (uint64_t)count * adds * 2);
    CHECK_EQUAL(atomic_count, (uint64_t)count * adds * 2);
    CHECK_EQUAL(seen_cpus, (UINT64_C(1) << cpus) - 1);
    print("smp: %u CPUs, %u threads\n", cpus, count);
    return check_end("smp");
}
