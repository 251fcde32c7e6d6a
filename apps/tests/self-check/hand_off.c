/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token goes round a ring of threads, one or two a CPU, by futex waits and wakes: none is missed.
 */
#include "self-check.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>

enum { LAPS = 100, MEMBERS_MAX = SELF_CHECK_CPUS + 1 };

struct member {
    struct thread thread;
    _Atomic uint32_t turn; /* 1: holds the token */
    struct member *next;
    uint64_t cpu;
    unsigned laps;
};

static struct member ring[MEMBERS_MAX];

static void pass_on(void *argument)
{
    struct member *self = argument;

    CHECK_EQUAL(kernel_thread_set_affinity(UINT64_C(1) << self->cpu), 0);
    for (; self->laps < LAPS; self->laps++) {
        word_wait_while(&self->turn, 0);
        atomic_store(&self->turn, 0);
        word_set(&self->next->turn, 1);
    }
}

static void check_futex_results(void)
{
    static _Atomic uint32_t word = 5;
    uint64_t now = kernel_clock_now();

    CHECK_EQUAL(sys_futex_wait((void *)&word, 4, TRAP_NEVER), -KERN_RETRY);
    CHECK_EQUAL(sys_futex_wait((void *)&word, 5, now), -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(sys_futex_wait((void *)&word, 5, now + 200000), -KERN_OPERATION_TIMED_OUT);
    CHECK(kernel_clock_now() >= now + 200000);
    CHECK_EQUAL(sys_futex_wake((void *)&word, 1), 0);
}

void check_hand_off(void)
{
    unsigned members = cpus_online() + 1;
    unsigned started = 0;

    check_futex_results();
    for (; started < members; started++) {
        struct member *member = &ring[started];

        member->cpu = started % cpus_online();
        member->next = &ring[(started + 1) % members];
        if (!CHECK_EQUAL(thread_start(&member->thread, pass_on, member, THREAD_PRIORITY_DEFAULT),
                         0))
            return; /* the others would wait for ever; the program's end ends them */
    }
    word_set(&ring[0].turn, 1);
    for (unsigned i = 0; i < members; i++) {
        thread_join(&ring[i].thread);
        CHECK_EQUAL(ring[i].laps, LAPS);
    }
    CHECK_EQUAL(ring[0].turn, 1);
    print("self-check: hand-offs checked, %u threads, %u laps\n", members, LAPS);
}
