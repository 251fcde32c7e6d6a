/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods (kern/grace.h): who waits for which CPUs. A callback moves through three places:
 *
 *   incoming --> waiting, as one batch, when the period of the last batch is over: all online CPUs
 *                are asked
 *   waiting  --> ended, when all have answered
 *   ended    --> run, a few at a time
 *
 * `incoming` is a stack that anybody pushes on and grace_advance() takes as a whole, so it needs no
 * lock and no tags. The two lists behind it are grace_advance()'s alone, which is never on two CPUs
 * at once.
 *
 * Memory order: what was written before grace_add() is released with the push, acquired with the
 * taking of the batch, and released again with `grace_unanswered`, which every CPU asked acquires
 * when it answers. The answers are read-modify-writes of one word, so who sees the last one has
 * acquired all of them: reads before an answer come before the callbacks. A CPU that is not seen
 * online sees the writes when it gets there: it stores `online` and then reads, we have written and
 * then load `online`, all sequentially consistent.
 */
#include <kern/cpu.h>
#include <kern/grace.h>

enum { RUN_AT_A_TIME = 4 };

_Atomic uint64_t grace_unanswered;
static struct grace *_Atomic incoming;
static struct grace *waiting, *ended; /* by grace_advance() only */
static _Atomic uint64_t not_run;      /* callbacks handed in that have not returned from `run` */

bool grace_add(struct grace *grace)
{
    struct grace *first = atomic_load_explicit(&incoming, memory_order_relaxed);

    atomic_fetch_add_explicit(&not_run, 1, memory_order_relaxed);
    do
        grace->next = first;
    while (!atomic_compare_exchange_weak(&incoming, &first, grace));
    return first == NULL;
}

bool grace_idle(void)
{
    return atomic_load_explicit(&not_run, memory_order_acquire) == 0;
}

bool grace_answer(unsigned self)
{
    uint64_t bit = UINT64_C(1) << self;

    return atomic_fetch_and(&grace_unanswered, ~bit) == bit;
}

/* A period begins: who has to answer. Not only cpu_count of them: a CPU may be online a moment
 * before it is counted. */
static uint64_t begin(unsigned self)
{
    uint64_t others = 0;

    for (unsigned i = 0; i < MAX_CPUS; i++)
        if (i != self && atomic_load(&cpu_record[i].online))
            others |= UINT64_C(1) << i;
    atomic_store(&grace_unanswered, others);
    return others;
}

static bool all_have_answered(void)
{
    return atomic_load(&grace_unanswered) == 0;
}

static void run_some(void)
{
    for (unsigned i = 0; i < RUN_AT_A_TIME && ended != NULL; i++) {
        struct grace *grace = ended;

        ended = grace->next; /* it may be gone afterwards */
        grace->run(grace);
        atomic_fetch_sub_explicit(&not_run, 1, memory_order_release);
    }
}

bool grace_advance(unsigned self, uint64_t *ask)
{
    *ask = 0;
    if (ended == NULL && all_have_answered()) {
        ended = waiting;
        waiting = NULL;
    }
    /* The callbacks of the last period may run while the next one goes on. */
    if (waiting == NULL && (waiting = atomic_exchange(&incoming, NULL)) != NULL)
        *ask = begin(self);
    run_some();
    return ended != NULL || (waiting != NULL && all_have_answered());
}
